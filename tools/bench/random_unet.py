"""UNets with random weights and inputs for them, for benches and for tests of full size."""

import json
import struct

import torch
from diffusers import UNet2DConditionModel

SHARED = {  # of all SDXL-like models
    "_class_name": "UNet2DConditionModel", "act_fn": "silu", "addition_embed_type": "text_time",
    "flip_sin_to_cos": True, "freq_shift": 0, "in_channels": 4, "out_channels": 4, "layers_per_block": 2,
    "mid_block_type": "UNetMidBlock2DCrossAttn", "norm_eps": 1e-5, "norm_num_groups": 32, "sample_size": 128,
    "use_linear_projection": True,
}

SDXL = SHARED | {  # stable-diffusion-xl-base-1.0
    "block_out_channels": [320, 640, 1280],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "transformer_layers_per_block": [1, 2, 10], "attention_head_dim": [5, 10, 20], "cross_attention_dim": 2048,
    "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
}


def parameter_shapes(config):
    """name -> shape, in diffusers' order."""
    with torch.device("meta"):
        return {name: p.shape for name, p in UNet2DConditionModel.from_config(config).named_parameters()}


def parameter_count(config):
    return sum(shape.numel() for shape in parameter_shapes(config).values())


def random_values(name, shape, generator):
    """Of the scale that a fresh model has; norms and biases differ from 1 and 0, so that they count."""
    if len(shape) > 1:
        bound = (shape.numel() // shape[0]) ** -0.5
        return torch.empty(shape).uniform_(-bound, bound, generator=generator)
    values = torch.empty(shape).uniform_(-0.1, 0.1, generator=generator)
    return values + 1 if "norm" in name and name.endswith("weight") else values


def write_random_unet(folder, config, dtype=torch.float16, seed=0):
    """`folder`/config.json and diffusion_pytorch_model.safetensors, tensor by tensor: SDXL in half a minute, with no
    memory to speak of."""
    names = {torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32"}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    shapes = parameter_shapes(config)
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        end = offset + shape.numel() * dtype.itemsize
        header[name] = {"dtype": names[dtype], "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    generator = torch.Generator().manual_seed(seed)
    with open(folder / "diffusion_pytorch_model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape in shapes.items():
            file.write(random_values(name, shape, generator).to(dtype).view(torch.uint8).numpy().data)
    return folder


def random_inputs(config, batch, side, tokens=77, seed=0):
    """What forward takes, and a target, for latents of side x side."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(shape, generator=generator)

    pooled = config["projection_class_embeddings_input_dim"] - 6 * config["addition_time_embed_dim"]
    return {
        "sample": normal(batch, config["in_channels"], side, side),
        "timestep": torch.linspace(0, 999, batch + 2)[1:-1],
        "encoder_hidden_states": normal(batch, tokens, config["cross_attention_dim"]),
        "text_embeds": normal(batch, pooled),
        "time_ids": torch.tensor([[8.0 * side, 8.0 * side, 0, 0, 8.0 * side, 8.0 * side]]).repeat(batch, 1),
        "target": normal(batch, config["out_channels"], side, side),
    }

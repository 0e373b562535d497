"""A base model with SDXL's block structure, adapters trained on it, and what files call its layers."""

import json

import torch
from safetensors.torch import load_file

from support.programs import run
from support.tiny import UNET, write_run

# Kinds of blocks, layers a block, unequal numbers of transformer layers as in SDXL; narrow.
SDXL_BLOCKS = {
    **UNET, "block_out_channels": [16, 32, 32], "attention_head_dim": [1, 2, 4], "layers_per_block": 2,
    "transformer_layers_per_block": [1, 2, 3],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
}


def sdxl_run(folder, base=None, network=None, **train):
    """A run's YAML: of a new model, or of adapters on `base`."""
    yaml = write_run(folder, **train)
    (folder / "config" / "unet" / "config.json").write_text(json.dumps(SDXL_BLOCKS))
    options = json.loads(yaml.read_text())
    options["dataset"]["buckets"]["bucket_reso_steps"] = 32  # three levels divide sides by 8 x 4
    if base:
        options["model"] = {"pretrained_model_name_or_path": str(base)}
        options["network"] = network
    yaml.write_text(json.dumps(options))
    return yaml


def train_base(folder):
    """The folder of a base model."""
    folder.mkdir(parents=True)
    run("atelier", "train", sdxl_run(folder, max_train_steps=2))
    return folder / "out" / "tiny"


def train_adapters(folder, base, network, **train):
    """The file of adapters that have learned enough to matter."""
    folder.mkdir(parents=True, exist_ok=True)
    options = {"max_train_steps": 6, "learning_rate": 0.02, "lr_warmup_steps": 0, "lr_scheduler": "constant", **train}
    run("atelier", "train", sdxl_run(folder, base, network, **options))
    return folder / "out" / "tiny.safetensors"


def unet_inputs():
    """For `model eval unet` of that base model."""
    generator = torch.Generator().manual_seed(3)
    return {
        "sample": torch.randn(2, 8, 8, 12, generator=generator), "timestep": torch.tensor([10.0, 800.0]),
        "encoder_hidden_states": torch.randn(2, 77, 32, generator=generator),
        "text_embeds": torch.randn(2, 16, generator=generator),
        "time_ids": torch.randint(0, 100, (2, 6), generator=generator).float(),
    }


def weights(folder):
    """Every tensor of a diffusers folder: "unet.down_blocks...", "text_encoder....", "text_encoder_2....\""""
    tensors = {}
    for part, name in (("unet", "diffusion_pytorch_model"), ("text_encoder", "model"), ("text_encoder_2", "model")):
        for key, tensor in load_file(folder / part / f"{name}.safetensors").items():
            tensors[f"{part}.{key}"] = tensor
    return tensors


def _sgm_blocks(config):
    """(diffusers, sgm) of the blocks' members, as the authors of SDXL number them."""
    per_block, levels = config["layers_per_block"], len(config["block_out_channels"])
    resnet = {"conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "conv2": "out_layers.3",
              "conv_shortcut": "skip_connection"}
    pairs = [("mid_block.attentions.0", "middle_block.1")]
    places = [("mid_block.resnets.0", "middle_block.0"), ("mid_block.resnets.1", "middle_block.2")]
    number = 1
    for level in range(levels):
        for i in range(per_block):
            places.append((f"down_blocks.{level}.resnets.{i}", f"input_blocks.{number}.0"))
            pairs.append((f"down_blocks.{level}.attentions.{i}", f"input_blocks.{number}.1"))
            number += 1
        pairs.append((f"down_blocks.{level}.downsamplers.0.conv", f"input_blocks.{number}.0.op"))
        number += 1
    number = 0
    for level in range(levels):
        attention = "CrossAttn" in config["up_block_types"][level]
        for i in range(per_block + 1):
            places.append((f"up_blocks.{level}.resnets.{i}", f"output_blocks.{number}.0"))
            pairs.append((f"up_blocks.{level}.attentions.{i}", f"output_blocks.{number}.1"))
            number += 1
        pairs.append((f"up_blocks.{level}.upsamplers.0.conv", f"output_blocks.{number - 1}.{1 + attention}.conv"))
    pairs += [(f"{ours}.{a}", f"{sgm}.{b}") for ours, sgm in places for a, b in resnet.items()]
    return pairs


def kohya_names(tensors, config=None):
    """kohya's name of every layer of weights()."""
    blocks = _sgm_blocks(config or SDXL_BLOCKS)
    names = {}
    for key, tensor in tensors.items():
        if not key.endswith(".weight") or tensor.dim() < 2:
            continue
        part, path = key[: -len(".weight")].split(".", 1)
        if part == "unet":
            path = next((sgm + path[len(ours):] for ours, sgm in blocks if (path + ".").startswith(ours + ".")), path)
        prefix = {"unet": "lora_unet_", "text_encoder": "lora_te1_", "text_encoder_2": "lora_te2_"}[part]
        names[prefix + path.replace(".", "_")] = key[: -len(".weight")]
    return names


def modules(file):
    """The tensors of an adapter file by module."""
    grouped = {}
    for key, tensor in load_file(file).items():
        name, part = key.split(".", 1)
        grouped.setdefault(name, {})[part] = tensor
    return grouped


def relative(difference, reference):
    return (difference.double().norm() / reference.double().norm()).item()

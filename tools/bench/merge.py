#!/usr/bin/env python3
"""`model merge` on SDXL at full size against `cp` of the same file: seconds, and the most memory that was resident.

The model and the adapters have random weights: 2515 tensors in half precision, 6.9 GB, and 986 modules, the attention
and MLP layers of the UNet and both text encoders. Both sides end with the file synced to the disk, in turns. Needs
30 GB of disk in --folder, which is left with the model for the next time, and takes some minutes.

    tools/bench/merge.py --folder DIR [--algo lora|loha] [--rank 16] [--turns 2] [--build build/dev]
"""

import argparse
import json
import shutil
import statistics
import struct
import subprocess
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

sys.path.insert(0, str(Path(__file__).resolve().parent))
from measured import measured  # noqa: E402
from random_unet import SDXL  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
CLIP = {"max_position_embeddings": 77, "vocab_size": 49408, "num_attention_heads": 12, "hidden_act": "quick_gelu"}
PARTS = {
    "unet": (lambda: UNet2DConditionModel.from_config(SDXL), "diffusion_pytorch_model"),
    "vae": (lambda: AutoencoderKL(block_out_channels=[128, 256, 512, 512], layers_per_block=2, sample_size=1024,
                                  scaling_factor=0.13025, down_block_types=["DownEncoderBlock2D"] * 4,
                                  up_block_types=["UpDecoderBlock2D"] * 4), "diffusion_pytorch_model"),
    "text_encoder": (lambda: CLIPTextModel(CLIPTextConfig(
        **CLIP, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, projection_dim=768)), "model"),
    "text_encoder_2": (lambda: CLIPTextModelWithProjection(CLIPTextConfig(
        **{**CLIP, "num_attention_heads": 20, "hidden_act": "gelu"}, hidden_size=1280, intermediate_size=5120,
        num_hidden_layers=32, projection_dim=1280)), "model"),
}


def write_random(path, shapes):
    """A half-precision file of normal numbers, tensor by tensor."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        end = offset + 2 * shape.numel()
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pool = (torch.randn(2**24, generator=torch.Generator().manual_seed(0)) * 0.02).half().numpy()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for number, shape in enumerate(shapes.values()):
            left, begin = shape.numel(), 7919 * number % 2**22
            while left > 0:
                piece = pool[begin : begin + left]
                file.write(piece.data)
                left, begin = left - len(piece), 0


def write_model(folder):
    """folder/sdxl.safetensors, and the shapes of the layers that adapters go to."""
    layers = {}
    pipeline = folder / "pipeline"
    for part, (make, name) in PARTS.items():
        with torch.device("meta"):
            model = make()
        (pipeline / part).mkdir(parents=True, exist_ok=True)
        shapes = {key: tensor.shape for key, tensor in model.state_dict().items() if "position_ids" not in key}
        if part.startswith("text_encoder"):  # files have the prefix that transformers 5 dropped
            shapes = {key if key.startswith(("text_model.", "text_projection")) else f"text_model.{key}": shape
                      for key, shape in shapes.items()}
        if part != "vae":
            layers |= {f"{part}.{key.removesuffix('.weight')}": shape for key, shape in shapes.items()
                       if len(shape) == 2 and any(f".{word}." in key for word in ("attentions", "self_attn", "mlp"))}
        if (folder / "sdxl.safetensors").exists():
            continue
        write_random(pipeline / part / f"{name}.safetensors", shapes)
        if part in ("unet", "vae"):
            model.save_config(pipeline / part)
        else:
            model.config.architectures = [type(model).__name__]
            model.config.save_pretrained(pipeline / part)
    return layers


def convert(folder, build):
    model = folder / "sdxl.safetensors"
    if model.exists():
        return model
    pipeline = folder / "pipeline"
    classes = {"unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
               "text_encoder": ["transformers", "CLIPTextModel"],
               "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
               "scheduler": ["diffusers", "EulerDiscreteScheduler"]}
    (pipeline / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionXLPipeline", **classes}))
    (pipeline / "scheduler").mkdir(exist_ok=True)
    (pipeline / "scheduler" / "scheduler_config.json").write_text(json.dumps(
        {"_class_name": "EulerDiscreteScheduler", "beta_start": 0.00085, "beta_end": 0.012,
         "beta_schedule": "scaled_linear", "num_train_timesteps": 1000, "prediction_type": "epsilon",
         "timestep_spacing": "leading", "steps_offset": 1}))
    subprocess.run([build / "bin" / "atelier", "model", "convert", pipeline, model], check=True)
    for part, (_, name) in PARTS.items():
        (pipeline / part / f"{name}.safetensors").unlink()
    return model


def write_adapters(path, layers, algo, rank):
    shapes = {}
    for name, (outputs, inputs) in layers.items():
        pairs = [("lora_B.weight", "lora_A.weight")] if algo == "lora" else [
            ("hada_w1_a", "hada_w1_b"), ("hada_w2_a", "hada_w2_b")]
        for left, right in pairs:
            shapes[f"{name}.{left}"] = torch.Size((outputs, rank))
            shapes[f"{name}.{right}"] = torch.Size((rank, inputs))
    write_random(path, shapes)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--algo", choices=["lora", "loha"], default="lora")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--build", type=Path, default=ROOT / "build/dev")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    layers = write_model(arguments.folder)
    model = convert(arguments.folder, arguments.build)
    adapters, folder_out = arguments.folder / "adapters.safetensors", arguments.folder / "out"
    folder_out.mkdir(exist_ok=True)
    write_adapters(adapters, layers, arguments.algo, arguments.rank)
    print(f"{model.stat().st_size / 1e9:.2f} GB, {len(layers)} modules of {arguments.algo}, rank {arguments.rank}")
    merge = [arguments.build / "bin" / "atelier", "model", "merge", model, f"{adapters}:0.8"]
    pairs = []
    try:
        for turn in range(arguments.turns + 1):
            copied, merged = (folder_out / f"{kind}{turn}.safetensors" for kind in ("copy", "merge"))
            copy_seconds = measured("sh", "-c", f'cp "{model}" "{copied}" && sync "{copied}"').seconds
            merge_seconds, _, peak = measured(*merge, "--out", merged, "--quiet")
            print(f"cp {copy_seconds:.1f} s, merge {merge_seconds:.1f} s: {merge_seconds / copy_seconds:.2f} times; "
                  f"{peak:.2f} GiB resident at most{'' if turn else ' (does not count)'}", flush=True)
            if turn:
                pairs.append(merge_seconds / copy_seconds)
    finally:
        shutil.rmtree(folder_out)
    print(f"median ratio {statistics.median(pairs):.2f}")


if __name__ == "__main__":
    main()

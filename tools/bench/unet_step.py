#!/usr/bin/env python3
"""Forward and training step (forward, mean squared error, backward; with gradient checkpointing and without) of
SDXL-shaped UNets: ours against diffusers.

Both run the same weights and inputs on the same number of threads, in turns; the ratio is the median over the turns, of
the time on the wall and of the processors' time. With other work on the machine trust the latter. `tiny` takes a
minute, `mid` three.

    tools/bench/unet_step.py [--size tiny|mid] [--turns 12] [--threads 2] [--build build/dev]
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import torch
from paired import Side, compare
from random_unet import SHARED, parameter_count, random_inputs
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parents[2]
SIZES = {  # config, batch, side of the latents
    "tiny": (SHARED | {
        "in_channels": 8, "out_channels": 8, "block_out_channels": [64, 128],
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
        "transformer_layers_per_block": [1, 2], "attention_head_dim": [2, 4], "cross_attention_dim": 128,
        "addition_time_embed_dim": 32, "projection_class_embeddings_input_dim": 64 + 6 * 32,
    }, 16, 12),
    "mid": (SHARED | {
        "block_out_channels": [128, 256, 512],
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "transformer_layers_per_block": [1, 2, 6], "attention_head_dim": [2, 4, 8], "cross_attention_dim": 768,
        "addition_time_embed_dim": 64, "projection_class_embeddings_input_dim": 512 + 6 * 64,
    }, 2, 32),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="tiny")
    parser.add_argument("--turns", type=int, default=12)
    parser.add_argument("--runs", type=int, default=2, help="runs a turn")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--build", type=Path, default=ROOT / "build/dev")
    arguments = parser.parse_args()
    config, batch, side = SIZES[arguments.size]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.json").write_text(json.dumps(config))
        save_file(random_inputs(config, batch, side), folder / "inputs.safetensors")
        ours = Side([arguments.build / "bin" / "unet-step", folder, folder / "inputs.safetensors", arguments.threads,
                     folder / "saved"])
        peer = Side([sys.executable, Path(__file__).with_name("unet_peer.py"), folder / "saved",
                     folder / "inputs.safetensors", arguments.threads])
        print(f"{arguments.size}: {parameter_count(config) / 1e6:.1f} M parameters, batch {batch}, latents {side} x {side}, "
              f"fp32, {arguments.threads} threads, {arguments.turns} turns; torch {torch.__version__}")
        print(f"loaded, peak memory: ours {ours.peak():.2f} GiB, peer {peer.peak():.2f} GiB")
        for mode in ("forward", "checkpointed", "step"):  # a peak cannot fall
            compare(ours, peer, mode, arguments.turns, arguments.runs)
            print(f"{mode}, peak memory: ours {ours.peak():.2f} GiB, peer {peer.peak():.2f} GiB")
        ours.close()
        peer.close()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""SDXL's VAE, fp32, without gradients: encoding and decoding of a picture, ours against diffusers.

Both run the same random weights and inputs on the same number of threads, in turns; the ratio is the median over the
turns, of the time on the wall and of the processors' time. With other work on the machine trust the latter. Takes a
minute at 256 px.

    tools/bench/vae_step.py [--side 256] [--turns 5] [--threads 2] [--build build/dev]
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import torch
from paired import Side, compare, serve
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parents[2]
CONFIG = {  # SDXL base 1.0
    "block_out_channels": [128, 256, 512, 512], "down_block_types": ["DownEncoderBlock2D"] * 4, "latent_channels": 4,
    "layers_per_block": 2, "norm_num_groups": 32, "sample_size": 1024, "scaling_factor": 0.13025,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}


def peer(folder, inputs, threads):
    """The other side, in a process of its own."""
    from diffusers import AutoencoderKL

    torch.set_num_threads(int(threads))
    torch.set_grad_enabled(False)
    model = AutoencoderKL.from_pretrained(folder).eval()
    tensors = load_file(inputs)
    serve(0, {"encode": lambda: model.encode(tensors["sample"]).latent_dist.mean.square().mean().item(),
              "decode": lambda: model.decode(tensors["latents"]).sample.square().mean().item()})


def main():
    if sys.argv[1:2] == ["peer"]:
        return peer(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=256, help="px")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--build", type=Path, default=ROOT / "build/dev")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.json").write_text(json.dumps(CONFIG))
        inputs = folder / "inputs.safetensors"
        save_file({"sample": torch.rand(1, 3, arguments.side, arguments.side) * 2 - 1,
                   "latents": torch.randn(1, 4, arguments.side // 8, arguments.side // 8)}, inputs)
        ours = Side([arguments.build / "bin" / "vae-step", folder, inputs, arguments.threads, folder / "saved"])
        theirs = Side([sys.executable, __file__, "peer", folder / "saved", inputs, arguments.threads])
        print(f"SDXL's AutoencoderKL, {arguments.side} px, fp32, {arguments.threads} threads, {arguments.turns} turns; "
              f"torch {torch.__version__}")
        for mode in ("encode", "decode"):
            compare(ours, theirs, mode, arguments.turns, 1)
        print(f"peak memory: ours {ours.peak():.2f} GiB, peer {theirs.peak():.2f} GiB")
        ours.close()
        theirs.close()


if __name__ == "__main__":
    main()

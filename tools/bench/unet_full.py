#!/usr/bin/env python3
"""SDXL's UNet at its full size (2.57 G parameters, random weights in an fp16 file), run in fp32 on the CPU: seconds to
load, peak memory, seconds a forward and a forward + backward to the text with the weights frozen (what a textual
inversion does; a LoRA's step costs little more), ours against diffusers. A step that trains all weights does not fit
beside them in 24 GiB.

They take turns as whole programs, and a ratio is the median over the turns: 16 GiB of memory, about five minutes. With
--together both stay loaded and take turns forward by forward, which a noisy machine disturbs least: 22 GiB, no backward.
Writes 5.1 GB into --folder.

    tools/bench/unet_full.py [--together] [--turns 3] [--side 32] [--threads 2] [--build build/dev] [--folder DIR]
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from paired import Side, compare
from random_unet import SDXL, random_inputs, write_random_unet
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parents[2]


def measure(command, runs):
    side = Side(command)
    figures = {"load [s]": side.load_seconds, "load, peak [GiB]": side.load_peak}
    for mode in ("forward", "frozen"):
        side.run(mode, 1)
        figures[f"{mode} [s]"] = side.run(mode, runs)[0]
    figures["all, peak [GiB]"] = side.peak()
    side.close()
    return figures


def alternate(ours, peer, turns):
    """Prints the ratio of forwards of both, loaded at once. The peer first: only while it loads it needs its peak."""
    peer_side = Side(peer)
    our_side = Side(ours)
    compare(our_side, peer_side, "forward", turns, runs=1)
    our_side.close()
    peer_side.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--together", action="store_true")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--runs", type=int, default=2, help="forwards a turn, after one to warm up")
    parser.add_argument("--side", type=int, default=32, help="of the latents: an eighth of the picture's")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--build", type=Path, default=ROOT / "build/dev")
    parser.add_argument("--folder", type=Path, help="for the model; kept, and used again if it is there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        if not (folder / "config.json").exists():
            write_random_unet(folder, SDXL)
        save_file(random_inputs(SDXL, 1, arguments.side), Path(name) / "inputs.safetensors")
        rest = [folder, Path(name) / "inputs.safetensors", arguments.threads]
        ours = [arguments.build / "bin" / "unet-step", *rest]
        peer = [sys.executable, Path(__file__).with_name("unet_peer.py"), *rest]
        if arguments.together:
            return alternate(ours, peer, arguments.turns)
        pairs = [(measure(ours, arguments.runs), measure(peer, arguments.runs)) for _ in range(arguments.turns)]
    print(f"SDXL's UNet, latents {arguments.side} x {arguments.side}, batch 1, fp32 from an fp16 file, "
          f"{arguments.threads} threads, {arguments.turns} turns")
    for figure in pairs[0][0]:
        mine, theirs = (statistics.median(pair[side][figure] for pair in pairs) for side in (0, 1))
        ratio = statistics.median(pair[0][figure] / pair[1][figure] for pair in pairs)
        print(f"{figure:18} ours {mine:7.2f}, diffusers {theirs:7.2f}, ratio {ratio:.3f}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""`model convert` of a checkpoint of SDXL's size there and back: bits, peak memory, and time against `cp` and a sync.

Makes a file with all 2515 tensors in fp16 (6.9 GB of cheap random values), turns it into a diffusers folder and that
into a single file again, and compares every tensor; and changes its type, fp16 to bf16. `cp` and the conversions run in
turns and each counts by its best; both the time on the wall and the processors' time are shown. Needs 28 GB under --work.

    tools/bench/convert.py [--work DIR] [--turns 3] [--build build/dev]
"""

import argparse
import json
import os
import struct
import sys
import tempfile
from math import prod
from pathlib import Path

import numpy as np
from measured import measured

ROOT = Path(__file__).resolve().parents[2]
KEYS = ROOT / "tests/golden/sdxl/single_file_keys.tsv"
LOGIT_SCALE = np.float16(np.log(100))  # where open_clip clamps it: a folder has no place for another value
MEMORY_LIMIT_GIB = 1.5
TIME_LIMIT = 1.5


def full_checkpoint(path, seed=0):
    """All tensors of SDXL base in fp16; values from one random block, each tensor from its own place in it."""
    table = [line.split("\t") for line in KEYS.read_text().splitlines()[1:]]
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for key, shape in table:
        sides = [int(side) for side in shape.split(",") if side]
        dtype, size = ("I64", 8) if key.endswith("position_ids") else ("F16", 2)
        header[key] = {"dtype": dtype, "shape": sides, "data_offsets": [offset, offset + prod(sides) * size]}
        offset += prod(sides) * size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    rng = np.random.default_rng(seed)
    block = rng.normal(0, 0.05, 1 << 25).astype(np.float16).tobytes()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for key, _ in table:
            begin, end = header[key]["data_offsets"]
            if key.endswith("position_ids"):
                file.write(np.arange(77).tobytes())
            elif key.endswith("logit_scale"):
                file.write(LOGIT_SCALE.tobytes())
            else:
                start, left = 2 * int(rng.integers(0, 1 << 23)), end - begin
                while left:
                    left -= file.write(block[start:start + left])
                    start = 0
        file.flush()
        os.fsync(file.fileno())


def tensors(path):
    """name -> (dtype, shape, bytes)"""
    data = np.memmap(path, np.uint8, "r")
    length = int(data[:8].view(np.uint64)[0])
    header = json.loads(bytes(data[8:8 + length]))
    header.pop("__metadata__", None)
    data = data[8 + length:]
    return {key: (entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])]) for key, entry in header.items()}


def differing(one, other):
    """The names of the tensors that are not the same bits."""
    a, b = tensors(one), tensors(other)
    assert a.keys() == b.keys(), a.keys() ^ b.keys()
    return [key for key in a if a[key][:2] != b[key][:2] or not np.array_equal(a[key][2], b[key][2])]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="folder for the files (a temporary one)")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--build", type=Path, default=ROOT / "build/dev")
    arguments = parser.parse_args()
    convert = (arguments.build / "bin" / "atelier", "model", "convert", "--quiet", "--overwrite")
    with tempfile.TemporaryDirectory(dir=arguments.work) as name:
        folder = Path(name)
        source, parts, back, other = (folder / part for part in ("sdxl.safetensors", "parts", "back.safetensors", "other.safetensors"))
        full_checkpoint(source)
        commands = {
            "cp and sync": ("sh", "-c", f"cp --reflink=never {source} {other} && sync {other}"),
            "file to folder": (*convert, source, parts),
            "folder to file": (*convert, parts, back),
            "fp16 to bf16": (*convert, source, other, "--dtype", "bf16"),
        }
        runs = {label: [] for label in commands}
        for _ in range(arguments.turns):
            for label, command in commands.items():
                runs[label].append(measured(*command))
        wrong = differing(source, back)
    copy_seconds, copy_cpu = (min(run[i] for run in runs["cp and sync"]) for i in (0, 1))
    good = not wrong
    for label, figures in runs.items():
        seconds, cpu, peak = min(run[0] for run in figures), min(run[1] for run in figures), max(run[2] for run in figures)
        print(f"{label:16} {seconds:6.1f} s  {seconds / copy_seconds:.2f} x cp   processors {cpu:5.1f} s  "
              f"{cpu / copy_cpu:.2f} x cp   peak {peak:.2f} GiB")
        good &= peak < MEMORY_LIMIT_GIB and seconds < TIME_LIMIT * copy_seconds
    print(f"there and back: {len(wrong)} of 2515 tensors differ", *wrong[:5])
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

"""Reading latents back: our cache against one .npz (sd-scripts) and one .pt (SimpleTuner) a picture, and dd.

    tools/bench/cache_read.py [--records 2000] [--keys 10000000] [--folder DIR] [--build build/dev]

All from the page cache, on one core, each record once in random order, in turns.
"""

import argparse
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

SHAPE = (8, 128, 128)  # mean and deviation of a picture of 1024 x 1024
RECORD = 8 * 128 * 128 * 2


def seconds_of(read, paths):
    order = list(paths)
    random.Random(7).shuffle(order)
    begin = time.perf_counter()
    for path in order:
        read(path)
    return time.perf_counter() - begin


def read_npz(path):
    with np.load(path) as file:
        return torch.from_numpy(file["latents"]), file["original_size"], file["crop_ltrb"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--records", type=int, default=2000)
    arguments.add_argument("--keys", type=int, default=10_000_000)
    arguments.add_argument("--folder", type=Path)
    arguments.add_argument("--build", type=Path, default=Path("build/dev"))
    options = arguments.parse_args()
    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    step = next(options.build.rglob("cache-read-step"))
    try:
        subprocess.run([step, "make", folder / "ours", str(options.records)], check=True)
        npz, pt = folder / "npz", folder / "pt"
        npz.mkdir(), pt.mkdir()
        values = torch.randn(SHAPE).half()
        for i in range(options.records):
            # sd-scripts keeps fp32 samples: [4, 128, 128], the same bytes as our fp16 mean and deviation
            np.savez(npz / f"{i}.npz", latents=values[:4].float().numpy(), original_size=np.array([1024, 1024]),
                     crop_ltrb=np.array([0, 0, 1024, 1024]))
            torch.save({"latents": values}, pt / f"{i}.pt")
        turns = {"ours": [], "ours, checksums compared": [], "npz": [], "torch.load": [], "dd": []}
        for _ in range(5):
            command = [step, "read", folder / "ours", str(options.records)]
            done = subprocess.run(command, check=True, capture_output=True)
            plain, checked = map(float, done.stdout.split())
            turns["ours"].append(plain)
            turns["ours, checksums compared"].append(checked)
            turns["npz"].append(seconds_of(read_npz, npz.iterdir()))
            turns["torch.load"].append(seconds_of(torch.load, pt.iterdir()))
            begin = time.perf_counter()
            for shard in (folder / "ours").rglob("*x*/*.safetensors"):
                subprocess.run(["dd", f"if={shard}", "of=/dev/null", "bs=256K"], check=True, stderr=subprocess.DEVNULL)
            turns["dd"].append(time.perf_counter() - begin)
        ours = statistics.median(turns["ours, checksums compared"])
        for name, seconds in turns.items():
            middle = statistics.median(seconds)
            rate = options.records / middle
            print(f"{name:26} {rate:9.0f} pictures/s {rate * RECORD / 1e6:8.0f} MB/s"
                  f"  {middle / ours:5.2f} of ours with checksums")
        size, made, opened, lookup, kib, found = subprocess.run(
            [step, "index", folder / "index", str(options.keys)], check=True, capture_output=True,
            text=True).stdout.split()
        print(f"index of {options.keys} samples: {int(size) / 1e6:.0f} MB mapped, made in {made} s, "
              f"opened in {opened} s, "
              f"{float(lookup) * 1e9:.0f} ns a lookup ({found} found), {kib} KiB of own memory for 2,000,000 lookups")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()

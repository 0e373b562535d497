#!/usr/bin/env python3
"""Pairs of 64-bit hashes within 7 bits among many: ours (all pairs) against numpy that compares all with all.

numpy compares a slice of the hashes with all of them, as all would take hours; its time is scaled up to half the
square. A smaller set is searched whole by both, and the numbers of pairs must be equal.

    tools/bench/near_pairs.py [--hashes 1000000] [--slice 200] [--build build/dev]
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from paired import Side

ROOT = Path(__file__).resolve().parents[2]
MOST = 7  # bits


def families(count, seed=1):
    """Hashes of which every tenth is some 0 to 9 bits away from the one before it."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**64, count, dtype=np.uint64)
    for at in range(10, count, 10):
        flips = rng.choice(64, rng.integers(0, 10), replace=False).astype(np.uint64)
        hashes[at] = hashes[at - 1] ^ np.bitwise_or.reduce(np.uint64(1) << flips, initial=np.uint64(0))
    return hashes


def count_pairs(some, hashes, first=0):
    """Pairs of some[i] = hashes[first + i] with a later one."""
    return sum(int((np.bitwise_count(hashes[first + i + 1:] ^ one) <= MOST).sum()) for i, one in enumerate(some))


def ours(build, hashes, folder):
    (folder / "hashes").write_bytes(hashes.tobytes())
    side = Side([build / "bin/near-pairs-step", folder / "hashes"])
    seconds, cpu_seconds, pairs = side.run("pairs", 1)
    side.close()
    return seconds, cpu_seconds, int(pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hashes", type=int, default=1_000_000)
    parser.add_argument("--slice", type=int, default=200)
    parser.add_argument("--build", type=Path, default=ROOT / "build/dev")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        few = families(10_000)
        expected, found = count_pairs(few, few), ours(options.build, few, Path(name))[2]
        if expected != found:
            sys.exit(f"numpy finds {expected} pairs, ours {found}")
        hashes = families(options.hashes)
        seconds, cpu_seconds, pairs = ours(options.build, hashes, Path(name))
    begin = time.process_time()
    count_pairs(hashes[:options.slice], hashes)
    theirs = (time.process_time() - begin) / options.slice * options.hashes / 2
    print(f"{options.hashes:,} hashes, {pairs:,} pairs: ours {seconds:.2f} s, {cpu_seconds:.2f} s of processors; numpy "
          f"{theirs:.0f} s of one (from {options.slice} hashes against all): {theirs / cpu_seconds:.0f} times as much")


if __name__ == "__main__":
    main()

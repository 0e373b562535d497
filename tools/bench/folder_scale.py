#!/usr/bin/env python3
"""A folder of many small files (half of them pictures, each with its caption) in 1000 folders: the first `dataset build`,
and the one that finds nothing changed, next to what Python needs only to ask for every file's size and time.

A million files need 5 GB of disk for small files (an inode and a block each) in --work, and some minutes.

    tools/bench/folder_scale.py [--files 100000] [--work DIR] [--turns 3] [--build build/dev]
"""

import argparse
import io
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from measured import measured
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = 1000


def make_files(folder, files):
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 60, 60)).save(buffer, "png")
    picture, caption = buffer.getvalue(), b"1girl, solo, hat"
    for number in range(FOLDERS):
        place = folder / f"{number:04}"
        place.mkdir(parents=True)
        for i in range(files // FOLDERS // 2):
            (place / f"{i}.png").write_bytes(picture)
            (place / f"{i}.txt").write_bytes(caption)


def ask_for_all(folder):
    """The number of files whose size and time were asked for."""
    count = 0
    for entry in os.scandir(folder):
        if entry.is_dir():
            count += ask_for_all(entry.path)
        else:
            entry.stat()
            count += 1
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--build", type=Path, default=ROOT / "build/dev")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        ask_for_all(options.peer)
        return
    work = Path(tempfile.mkdtemp(dir=options.work))
    try:
        make_files(work / "pictures", options.files)
        run = work / "run.yaml"
        run.write_text(f"dataset: {{sources: [{{path: {work / 'pictures'}}}], manifest_dir: {work / 'manifest'}}}\n")
        build = ["sh", "-c", 'exec "$@" > /dev/null', "sh", options.build / "bin/atelier-data", "dataset", "build", run,
                 "--quiet"]
        first = measured(*build)
        print(f"{options.files:,} files: first build {first.seconds:.2f} s, {first.peak:.2f} GiB")
        pairs = [(measured(*build), measured(sys.executable, __file__, "--peer", work / "pictures"))
                 for _ in range(options.turns)]
        ours, peer = (statistics.median(pair[side].seconds for pair in pairs) for side in (0, 1))
        ratio = statistics.median(pair[0].seconds / pair[1].seconds for pair in pairs)
        print(f"again, nothing changed: {ours:.2f} s, {pairs[0][0].peak:.2f} GiB; os.scandir and stat {peer:.2f} s; "
              f"ratio {ratio:.2f}")
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The plan of an epoch over many posts: ours next to a bucket manager in Python, seconds and memory.

Ours is `open + plan`, what `train` does before its first step: open the manifest, select, balance, buckets, the epoch's
batches; and the whole `dataset plan`, which also reports exposure and reads captions. The peer does what sd-scripts does with its metadata (a picture an object, its bucket by numpy, an entry a
repeat in the bucket's list, lists and batches shuffled); it balances nothing and reports nothing, and is given sizes
from Parquet rather than from JSON. Both must put equally many pictures into each bucket. The posts are synthetic
(make_posts.py), without pictures.

    tools/bench/plan_scale.py [--posts 200000] [--posts-file FILE.parquet [--manifest DIR]] [--work DIR]
                              [--build build/dev]
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measured import measured

ROOT = Path(__file__).resolve().parents[2]
BATCH = 256
SHORTEST, LONGEST, SIDE, STEP = 512, 2048, 1024, 64
BALANCES = {
    "as they are": "{}",
    "person class": "{target: {girl_only: 0.4, boy_only: 0.3}}",
    "raked with ratings and years": "{target: {girl_only: 0.4, boy_only: 0.3}, rake: [{by: rating}, {by: year}]}",
    "raked with artists": "{target: {girl_only: 0.4, boy_only: 0.3}, rake: [{by: artist, temperature: 2}]}",
}


class Picture:
    """What is kept of a picture."""

    def __init__(self, key, repeats, caption, path):
        self.key, self.repeats, self.caption, self.path = key, repeats, caption, path
        self.size = self.bucket = self.resized = None


class BucketManager:
    """Sizes as make_bucket_resolutions, choice by the nearest aspect."""

    def __init__(self):
        import numpy as np
        sizes = {(SIDE, SIDE)}
        for width in range(SHORTEST, LONGEST + 1, STEP):
            height = min(LONGEST, SIDE * SIDE // width // STEP * STEP)
            if height >= SHORTEST:
                sizes |= {(width, height), (height, width)}
        self.sizes = sorted(sizes)
        self.aspects = np.array([width / height for width, height in self.sizes])
        self.buckets = {}

    def select(self, width, height):
        import numpy as np
        if (width, height) in self.sizes:
            return width, height
        return self.sizes[np.abs(self.aspects - width / height).argmin()]

    def add(self, picture):
        picture.bucket = self.select(*picture.size)
        self.buckets.setdefault(picture.bucket, []).extend([picture.key] * picture.repeats)


def peer_plan(posts):
    """An epoch's batches; pictures by bucket."""
    import pyarrow.parquet as pq
    pictures, manager = {}, BucketManager()
    for batch in pq.ParquetFile(posts).iter_batches(columns=["id", "image_width", "image_height"]):
        for key, width, height in zip(*(column.to_pylist() for column in batch.columns)):
            pictures[key] = picture = Picture(str(key), 1, "", f"{key}.jpg")
            picture.size = width, height
    for picture in pictures.values():
        manager.add(picture)
    batches = []
    for bucket, keys in manager.buckets.items():
        random.shuffle(keys)
        batches += [(bucket, begin) for begin in range(0, len(keys), BATCH)]
    random.shuffle(batches)
    return {f"{width}x{height}": len(keys) for (width, height), keys in manager.buckets.items()}


def captured(out, *command):
    """What the command prints, and its Usage."""
    usage = measured("sh", "-c", 'out=$1; shift; exec "$@" > "$out"', "sh", out, *command)
    return out.read_text(), usage


def open_and_plan(build, run, out, balance):
    """(seconds, milliseconds a step, GiB)."""
    printed, usage = captured(out, build / "bin/plan-step", run, f"dataset.balance={balance}")
    return *map(float, printed.split()), usage.peak


def whole_plan(build, run, out, balance):
    """(the report, its Usage)."""
    printed, usage = captured(out, build / "bin/atelier-data", "dataset", "plan", run, f"dataset.balance={balance}",
                              "--without-pictures", "--json", "--quiet")
    return json.loads(printed), usage


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--posts", type=int, default=200_000)
    parser.add_argument("--posts-file", type=Path, help="Parquet that make_posts.py has written")
    parser.add_argument("--manifest", type=Path, help="of that file, if it is built already")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--build", type=Path, default=ROOT / "build/dev")
    parser.add_argument("--peer", nargs=2, metavar=("FILE", "ANSWER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        Path(options.peer[1]).write_text(json.dumps(peer_plan(options.peer[0])))
        return
    work = Path(tempfile.mkdtemp(dir=options.work))
    try:
        posts, run = options.posts_file, work / "run.yaml"
        if not posts:
            posts = work / "posts.parquet"
            subprocess.run([sys.executable, ROOT / "tools/bench/make_posts.py", str(options.posts), posts], check=True)
        manifest = (options.manifest or work / "manifest").resolve()
        run.write_text(f"dataset: {{sources: [{{path: {posts.resolve()}}}], manifest_dir: {manifest}}}\n"
                       f"train: {{global_batch_size: {BATCH}, max_train_epochs: 1}}\n")
        measured(options.build / "bin/atelier-data", "dataset", "build", run, "--quiet")
        peer = measured(sys.executable, __file__, "--peer", posts, work / "peer.json")
        expected = json.loads((work / "peer.json").read_text())
        print(f"{sum(expected.values()):,} posts, batches of {BATCH}")
        print(f"  {'bucket manager in Python':43} {peer.seconds:8.2f} s {peer.peak:6.2f} GiB")
        for name, balance in BALANCES.items():
            seconds, milliseconds, peak = open_and_plan(options.build, run, work / "printed", balance)
            print(f"  {'open + plan, ' + name:43} {seconds:8.2f} s {peak:6.2f} GiB   "
                  f"{peer.seconds / seconds:5.1f} x faster, {peer.peak / peak:4.1f} x less memory; "
                  f"a step is found in {milliseconds:.3f} ms")
            report, ours = whole_plan(options.build, run, work / "printed", balance)
            buckets = {f"{bucket['width']}x{bucket['height']}": bucket["pictures"] for bucket in report["buckets"]}
            if buckets != expected:
                sys.exit(f"the buckets differ: {buckets} and {expected}")
            print(f"  {'dataset plan, ' + name:43} {ours.seconds:8.2f} s {ours.peak:6.2f} GiB   "
                  f"{peer.seconds / ours.seconds:5.1f} x faster, {peer.peak / ours.peak:4.1f} x less memory")
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Posts files read on one thread into typed posts, ours against Python: JSON lines and Parquet.

Real posts (tests/golden/posts) repeated to --megabytes: complete ones of 2016-2020 and modern ones, which carry their
media_asset; as JSON lines against `json` (a dict a line, tags split) and pandas.read_json, as Parquet against pyarrow
(a dict a row, tags split). Both sides count the tags of all posts and run in turns; processor time is what counts on a
busy machine.

    tools/bench/read_posts.py [--megabytes 100] [--turns 5] [--build build/dev]
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from paired import Side, compare, serve

ROOT = Path(__file__).resolve().parents[2]
POSTS = ROOT / "tests/golden/posts"
FILES = {"2016-2020": "danbooru_api_posts_2016_2020.jsonl", "modern": "danbooru_api_posts_modern.jsonl"}
CATEGORIES = [f"tag_string_{name}" for name in ("general", "artist", "copyright", "character", "meta")]


def tags_of(post):
    return sum(len(set((post.get(name) or "").split())) for name in CATEGORIES)


def read_json(path):
    with open(path) as lines:
        return sum(tags_of(json.loads(line)) for line in lines)


def read_pandas(path):
    import pandas as pd
    total = 0
    for frame in pd.read_json(path, lines=True, chunksize=20_000):
        total += sum(int(frame[name].fillna("").str.split().str.len().sum()) for name in CATEGORIES if name in frame)
    return total


def read_pyarrow(path):
    import pyarrow.parquet as pq
    total = 0
    for batch in pq.ParquetFile(path).iter_batches(16_384, use_threads=False):
        total += sum(tags_of(post) for post in batch.to_pylist())
    return total


PEERS = {"json": read_json, "pandas": read_pandas, "pyarrow": read_pyarrow}


class Modes(dict):
    """Every path is a mode of the peer."""

    def __init__(self, read):
        self.read = read

    def __getitem__(self, path):
        return lambda: self.read(path)


def write_files(folder, megabytes):
    """(path, megabytes, posts, peers) of every file."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    for name, source in FILES.items():
        lines = [line for line in (POSTS / source).read_text().splitlines(keepends=True) if '"_partial"' not in line]
        lines *= max(1, int(megabytes * 1e6 / sum(len(line.encode()) for line in lines)))
        path = folder / f"{name}.jsonl"
        path.write_text("".join(lines))
        yield path, path.stat().st_size / 1e6, len(lines), ["json", "pandas"]
        posts = [json.loads(line) for line in lines[:50_000]]
        names = dict.fromkeys(field for post in posts for field in post)  # the first post alone would decide them
        pq.write_table(pa.Table.from_pylist([{field: post.get(field) for field in names} for post in posts]),
                       folder / f"{name}.parquet", row_group_size=50_000)
        yield folder / f"{name}.parquet", (folder / f"{name}.parquet").stat().st_size / 1e6, len(posts), ["pyarrow"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--build", type=Path, default=ROOT / "build/dev")
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        return serve(0, Modes(PEERS[options.peer]))
    with tempfile.TemporaryDirectory() as folder:
        ours = Side([options.build / "bin/read-posts-step"])
        for path, megabytes, posts, peers in write_files(Path(folder), options.megabytes):
            for name in peers:
                print(f"{path.name}, {megabytes:.0f} MB, {posts} posts, peer {name}")
                peer = Side([sys.executable, __file__, "--peer", name])
                compare(ours, peer, str(path), options.turns, 1)
                peer.close()
            seconds, cpu_seconds, _ = min(ours.run(str(path), 1) for _ in range(options.turns))
            print(f"{path.name}: ours, best of {options.turns}: {megabytes / cpu_seconds:.0f} MB and "
                  f"{posts / cpu_seconds:.0f} posts a second of a core ({seconds:.2f} s on the wall)", flush=True)
        ours.close()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Captions a second on one core, ours against Python in the order of sd-scripts; quality words of 8 million posts
against pandas' ranks within the rating.

    tools/bench/captions.py [--turns 5] [--build build/dev]
"""

import argparse
import random
import sys
from pathlib import Path

from paired import Side, compare, serve

ROOT = Path(__file__).resolve().parents[2]
CAPTIONS = 20_000  # as captions_step.cpp
POSTS = 8_000_000
WRITTEN = ", ".join(["1girl"] + [f"tag_of_post_{i}" for i in range(1, 30)])
WORDS = 6


def process_caption(caption, keep_tokens=1, rate=0.1):
    tokens = [token.strip() for token in caption.strip().split(",")]
    fixed, flexible = tokens[:keep_tokens], tokens[keep_tokens:]
    random.shuffle(flexible)
    flexible = [token for token in flexible if random.random() >= rate]
    return ", ".join(fixed + flexible)


def peer():
    import numpy as np
    import pandas as pd
    rng = np.random.default_rng(7)
    rating = rng.integers(0, 4, POSTS).astype("int8")
    posts = pd.DataFrame({"rating": rating, "score": rng.exponential(10.0 * (1 + rating)).astype("int32")})

    def rank():
        percentile = posts.groupby("rating")["score"].rank(pct=True)
        return int((np.searchsorted([0.08, 0.2, 0.6, 0.82, 0.92], percentile) == WORDS - 1).sum())

    serve(0, {"written": lambda: sum(len(process_caption(WRITTEN)) for _ in range(CAPTIONS)), "rating": rank})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--build", default=str(ROOT / "build/dev"))
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        return peer()
    ours = Side([Path(arguments.build) / "bin/captions-step"])
    theirs = Side([sys.executable, __file__, "--peer"])
    for mode in ("written", "rating"):
        compare(ours, theirs, mode, arguments.turns, 1)
    for mode in ("written", "tags", "illustrious"):
        seconds = min(ours.run(mode, 1)[1] for _ in range(arguments.turns))
        print(f"{mode}: {CAPTIONS / seconds:,.0f} captions a second of a core")
    wall, processors, _ = min(ours.run("window", 1) for _ in range(arguments.turns))
    print(f"quality words of {POSTS:,} posts, moving window: {wall:.2f} s, processors {processors:.2f} s")
    ours.close()
    theirs.close()


if __name__ == "__main__":
    main()

"""What holds for every plan, checked on its lines with exact fractions. The posts are made up and have no pictures."""

import collections
import json
import math
import subprocess
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from support.programs import program

EPOCHS, BATCH = 3, 64
PEOPLE = {"girl_only": "1girl solo", "boy_only": "1boy solo", "mixed": "1boy 1girl", "no_humans": "no_humans"}
WEIGHTS = [0.8, 0.1, 0.06, 0.04]
TARGET = {"girl_only": Fraction(2, 5), "boy_only": Fraction(3, 10)}
RESOLUTIONS = {512: Fraction(1), 768: Fraction(1, 2)}
YAML = """
output_dir: {folder}/out
seed: 11
dataset:
  sources: [{{path: {folder}/posts.parquet}}]
  balance: {{target: {{girl_only: 0.4, boy_only: 0.3}}, max_repeat: 1000}}
  buckets:
    resolution: 512
    min_bucket_reso: 256
    max_bucket_reso: 1024
    resolutions: [{{resolution: 512}}, {{resolution: 768, repeats: 0.5}}]
train: {{global_batch_size: 64, max_train_epochs: 3}}
"""


def write_posts(folder, count):
    """The folder's run.yaml and posts; (class, width, height) of post i + 1."""
    rng = np.random.default_rng(count)
    kinds = rng.choice(len(PEOPLE), count, p=WEIGHTS)
    kinds[: len(PEOPLE)] = range(len(PEOPLE))  # each is there
    width = rng.integers(300, 4000, count)
    height = np.clip(width * np.exp(rng.normal(0, 0.35, count)), 100, 8000).astype(np.int64)
    tags = pa.array(list(PEOPLE.values())).take(pa.array(kinds))
    empty = pa.array([""]).take(pa.array(np.zeros(count, np.int64)))
    table = {"id": np.arange(1, count + 1), "rating": pa.array(["g"]).take(pa.array(np.zeros(count, np.int64))),
             "image_width": width, "image_height": height, "tag_string_general": tags}
    table |= {f"tag_string_{name}": empty for name in ("artist", "character", "copyright", "meta")}
    pq.write_table(pa.table(table), folder / "posts.parquet")
    (folder / "run.yaml").write_text(YAML.format(folder=folder))
    return kinds, width, height


def sizes_of(side):
    """sd-scripts' make_bucket_resolutions; the range in proportion to the resolution."""
    shortest, longest = 256 * side // 512, 1024 * side // 512
    sizes = {(side, side)}
    for width in range(shortest, longest + 1, 64):
        height = min(longest, side * side // width // 64 * 64)
        if height >= shortest:
            sizes |= {(width, height), (height, width)}
    return sorted(sizes)


def bucket_of(sizes, width, height):
    """An index into sizes for each picture: its own size, or the nearest aspect."""
    aspects = np.array([w / h for w, h in sizes])
    found = np.concatenate([np.abs(aspects[:, None] - part).argmin(0)
                            for part in np.array_split(width / height, len(width) // 50_000 + 1)])
    for i, size in enumerate(sizes):
        found[(width == size[0]) & (height == size[1])] = i
    return found


def write_plan(folder, name, *args, prefix=()):
    out = folder / f"{name}.jsonl"
    subprocess.run([*prefix, program("atelier-data"), "dataset", "plan", folder / "run.yaml", "--without-pictures",
                    "--quiet", "--out", out, *map(str, args)], check=True, stdout=subprocess.DEVNULL)
    return out


def check_plan(folder, count):
    kinds, width, height = write_posts(folder, count)
    lines = write_plan(folder, "plan")
    whole = lines.read_bytes()
    for name, args, prefix in [("world", ["--world-size", 8], []), ("core", [], ["taskset", "-c", "0"])]:
        assert write_plan(folder, name, *args, prefix=prefix).read_bytes() == whole
    uses = {side: np.zeros((count, 64), np.uint8) for side in RESOLUTIONS}  # by picture and repeat
    batches = collections.defaultdict(list)
    for line in map(json.loads, whole.splitlines()):
        batches[line["resolution"], line["width"], line["height"], line["epoch"]].append(len(line["samples"]))
        for name, repeat in line["samples"]:
            uses[line["resolution"]][int(name) - 1, repeat] += 1
    n = np.bincount(kinds, minlength=len(PEOPLE))
    rest = 1 - sum(TARGET.values())
    others = sum(int(n[i]) for i, name in enumerate(PEOPLE) if name not in TARGET)
    shares = [TARGET.get(name, rest * Fraction(int(posts), others)) for name, posts in zip(PEOPLE, n)]
    repeats = [share * count / int(posts) for share, posts in zip(shares, n)]
    # Pictures that are repeated equally often are one stratum.
    different = sorted(set(repeats))
    group = np.array([different.index(r) for r in repeats])[kinds]
    for side, times in RESOLUTIONS.items():
        sizes = sizes_of(side)
        bucket = bucket_of(sizes, width, height)
        check_uses(uses[side], group, bucket, [r * times for r in different])
        for b, (w, h) in enumerate(sizes):
            posts = np.bincount(group[bucket == b], minlength=len(different)).tolist()
            strata = [(p, r * times) for p, r in zip(posts, different) if p]
            check_batches([sorted(batches[side, w, h, e], reverse=True) for e in range(EPOCHS)], strata)


def check_uses(uses, group, bucket, repeats):
    """Each picture floor or ceil of r E times, each stratum floor(n r E); in E epochs no repeat more than E times, and
    repeat j + 1 no more often than j."""
    total = uses.sum(1, dtype=np.int64)
    assert uses.max() <= EPOCHS and (uses[:, 1:] <= uses[:, :-1]).all()
    for g, r in enumerate(repeats):
        for b in np.unique(bucket):
            chosen = total[(group == g) & (bucket == b)]
            assert chosen.sum() == math.floor(len(chosen) * r * EPOCHS)
            if len(chosen):
                assert math.floor(r * EPOCHS) <= chosen.min() and chosen.max() <= math.ceil(r * EPOCHS)


def check_batches(found, strata):
    """Sizes of a bucket's batches in each epoch against floor(C(e + 1) / B) - floor(C(e) / B)."""
    before = [sum(math.floor(posts * r * epoch) for posts, r in strata) for epoch in range(EPOCHS + 1)]
    for epoch in range(EPOCHS):
        if sum(posts * r for posts, r in strata) < BATCH:
            samples = before[epoch + 1] - before[epoch]
            expected = [BATCH] * (samples // BATCH) + [samples % BATCH] * (samples % BATCH > 0)
        else:
            expected = [BATCH] * (before[epoch + 1] // BATCH - before[epoch] // BATCH)
            expected += [before[EPOCHS] % BATCH] * (epoch == EPOCHS - 1 and before[EPOCHS] % BATCH > 0)
        assert found[epoch] == expected

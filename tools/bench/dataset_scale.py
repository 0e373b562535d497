#!/usr/bin/env python3
"""Many posts: `dataset build`, `build` again and `stats` next to Python's ways to the same answer, seconds and memory.

The question is how many posts show whom (girls only, boys only, both, others, nobody) by the tags for people. Peers:
pandas (the column of general tags in memory), pyarrow (row group by row group), and a JSON file in a dict, which is how
sd-scripts keeps metadata. All answers must be equal. `stats` answers it with everything else that its report holds. The
posts are synthetic (make_posts.py).

    tools/bench/dataset_scale.py [--posts 200000] [--work DIR] [--build build/dev] [--json-posts 400000]
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measured import measured

ROOT = Path(__file__).resolve().parents[2]
KINDS = {"girls": r"(?:1girl|[2-5]girls|6\+girls|multiple_girls)", "boys": r"(?:1boy|[2-5]boys|6\+boys|multiple_boys)",
         "others": r"(?:1other|[2-5]others|6\+others|multiple_others)", "no_humans": "no_humans"}
CLASSES = ["girl_only", "boy_only", "mixed", "other", "no_humans", "unknown"]


def person_classes(girls, boys, others, no_humans):
    """Posts by class, from flags a post (numpy); `unknown`: no tag says it."""
    counts = [girls & ~boys, boys & ~girls, girls & boys, others & ~girls & ~boys,
              no_humans & ~girls & ~boys & ~others, ~(girls | boys | others | no_humans)]
    return {name: int(flags.sum()) for name, flags in zip(CLASSES, counts)}


def by_pandas(path):
    import pandas as pd
    tags = pd.read_parquet(path, columns=["tag_string_general"]).tag_string_general
    return person_classes(*(tags.str.contains(rf"(?:^| ){words}(?: |$)").to_numpy(bool) for words in KINDS.values()))


def by_pyarrow(path):
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    total = dict.fromkeys(CLASSES, 0)
    for batch in pq.ParquetFile(path).iter_batches(columns=["tag_string_general"]):
        flags = (pc.match_substring_regex(batch.column(0), rf"(?:^| ){words}(?: |$)").to_numpy(zero_copy_only=False)
                 for words in KINDS.values())
        for name, count in person_classes(*flags).items():
            total[name] += count
    return total


def by_json_dict(path):
    import re
    import numpy as np
    with open(path, encoding="utf-8") as file:
        metadata = json.load(file)
    kinds = [re.compile(words).fullmatch for words in KINDS.values()]
    flags = np.array([[any(map(kind, entry["tags"].split(", "))) for kind in kinds] for entry in metadata.values()])
    return person_classes(*flags.T)


PEERS = {"pandas": by_pandas, "pyarrow": by_pyarrow, "JSON dict": by_json_dict}


def write_metadata(parquet, path):
    """sd-scripts' metadata file: picture -> tags as one text."""
    import pyarrow.parquet as pq
    with open(path, "w", encoding="utf-8") as file:
        separator = "{"
        for batch in pq.ParquetFile(parquet).iter_batches():
            texts = [batch.column(f"tag_string_{name}").to_pylist()
                     for name in ("artist", "copyright", "character", "general", "meta")]
            for number, *tags in zip(batch.column("id").to_pylist(), *texts):
                file.write(f'{separator}"{number}": {{"tags": "{", ".join(" ".join(tags).split())}"}}')
                separator = ",\n"
        file.write("}")


def ask_peer(name, path, work):
    """(its answer, its Usage)."""
    answer = work / "answer.json"
    usage = measured(sys.executable, __file__, "--peer", name, path, answer)
    return json.loads(answer.read_text()), usage


def ask_ours(program, posts, work):
    """(our answer, the Usage of each verb, the whole report)."""
    run, manifest, report = work / "run.yaml", work / "manifest", work / "report"
    run.write_text(f"dataset: {{sources: [{{path: {posts}}}], manifest_dir: {manifest}}}\n")
    quietly = ["sh", "-c", 'exec "$@" > /dev/null', "sh", program, "dataset"]
    usage = {"build": measured(*quietly, "build", run, "--quiet"),
             "build again": measured(*quietly, "build", run, "--quiet"),
             "stats": measured(*quietly, "stats", manifest, "--quiet", "--out", report)}
    whole = json.loads((report / "report.json").read_text())
    classes = {entry["class"]: entry for entry in whole["people"]["classes"]}
    counts = {name: entry["posts"] - entry["inferred"] for name, entry in classes.items()}
    counts["unknown"] += sum(entry["inferred"] for entry in classes.values())
    return counts, usage, whole


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--posts", type=int, default=200_000)
    parser.add_argument("--json-posts", type=int, default=400_000, help="no JSON dict beyond: 1.7 GiB a million")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--build", type=Path, default=ROOT / "build/dev")
    parser.add_argument("--peer", nargs=3, metavar=("NAME", "FILE", "ANSWER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        Path(options.peer[2]).write_text(json.dumps(PEERS[options.peer[0]](options.peer[1])))
        return
    work = Path(tempfile.mkdtemp(dir=options.work))
    try:
        posts = work / "posts.parquet"
        subprocess.run([sys.executable, ROOT / "tools/bench/make_posts.py", str(options.posts), posts], check=True)
        counts, ours, _ = ask_ours(options.build / "bin/atelier-data", posts, work)
        print(f"{options.posts:,} synthetic posts, {posts.stat().st_size / 2**20:,.0f} MiB of Parquet: {counts}")
        for what, usage in ours.items():
            print(f"  dataset {what:12} {usage.seconds:8.2f} s {usage.cpu_seconds:8.2f} s cpu {usage.peak:6.2f} GiB")
        for name in PEERS:
            path = posts
            if name == "JSON dict":
                if options.posts > options.json_posts:
                    continue
                write_metadata(posts, path := work / "metadata.json")
            answer, usage = ask_peer(name, path, work)
            if answer != counts:
                raise SystemExit(f"{name} counts otherwise: {answer}")
            time, memory = ours["stats"].seconds / usage.seconds, ours["stats"].peak / usage.peak
            print(f"  {name:20} {usage.seconds:8.2f} s {usage.cpu_seconds:8.2f} s cpu {usage.peak:6.2f} GiB; "
                  f"stats takes {time:.3f} of its time, {memory:.2f} of its memory")
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()

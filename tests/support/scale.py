"""Many synthetic posts built and counted, by us and by pyarrow, with the memory that it takes."""

import subprocess
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from support.programs import SOURCE, program

sys.path.insert(0, str(SOURCE / "tools" / "bench"))
import dataset_scale  # noqa: E402


def make_posts(count, path):
    subprocess.run([sys.executable, SOURCE / "tools/bench/make_posts.py", str(count), path], check=True)


def check_scale(posts, work, build_gib, stats_gib):
    """Builds a manifest of a Parquet file of posts in `work`, counts, compares; no more resident memory than so."""
    counts, usage, report = dataset_scale.ask_ours(program("atelier-data"), posts, work)
    assert counts == dataset_scale.by_pyarrow(posts)
    rows = pq.ParquetFile(posts).metadata.num_rows
    assert report["posts"]["read"] == report["posts"]["counted"] == rows

    ratings, years, artists = {}, {}, {}
    for batch in pq.ParquetFile(posts).iter_batches(columns=["rating", "created_at", "tag_string_artist"]):
        for column, totals in [(batch["rating"], ratings), (pc.year(batch["created_at"]), years),
                               (batch["tag_string_artist"], artists)]:
            for entry in pc.value_counts(column).to_pylist():
                totals[entry["values"]] = totals.get(entry["values"], 0) + entry["counts"]
    words = {"g": "general", "s": "sensitive", "q": "questionable", "e": "explicit"}
    assert {entry["rating"]: entry["posts"] for entry in report["time"]["ratings"] if entry["posts"]} == \
        {words[letter]: count for letter, count in ratings.items()}
    assert {entry["year"]: entry["posts"] for entry in report["time"]["years"]} == years
    by_name = {row["name"]: row for row in pa.ipc.open_file(work / "manifest/tags.arrow").read_all().to_pylist()}
    assert len(artists) > rows / 1000
    for name, count in artists.items():
        assert by_name[name]["raw_count"] == count and by_name[name]["category"] == "artist", name
        assert by_name[name]["count"] == count or name == "banned_artist", name  # which other artists imply

    assert usage["build"].peak < build_gib, usage
    assert usage["build again"].peak < stats_gib and usage["stats"].peak < stats_gib, usage
    return usage

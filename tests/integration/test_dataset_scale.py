# labels: integration
"""200,000 posts: counts as pyarrow's, memory within bounds, the same bytes for any number of threads. The small twin of
tests/campaign/test_scale.py."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import program  # noqa: E402
from support.scale import check_scale, make_posts  # noqa: E402

POSTS = 200_000


@pytest.fixture(scope="module")
def posts(tmp_path_factory):
    path = tmp_path_factory.mktemp("posts") / "posts.parquet"
    make_posts(POSTS, path)
    return path


def test_counts_and_memory(posts, tmp_path):
    check_scale(posts, tmp_path, build_gib=0.6, stats_gib=0.2)


def test_the_number_of_threads_changes_no_byte(posts, tmp_path):
    cores = sorted(os.sched_getaffinity(0))
    files = []
    for name, allowed in [("one", cores[:1]), ("all", cores)]:
        folder = tmp_path / name
        subprocess.run([program("atelier-data"), "dataset", "build", "/dev/stdin", f"dataset.manifest_dir={folder}",
                        "--quiet"], input=f"dataset: {{sources: [{{path: {posts}}}]}}\n", text=True, check=True,
                       stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, allowed))
        files.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert files[0] == files[1] and len(files[0]) == 4

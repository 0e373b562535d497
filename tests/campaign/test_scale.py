# labels: campaign
"""Eight million posts: counts as pyarrow's, memory within the project's bounds. Times are printed, not asserted."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.scale import check_scale, make_posts  # noqa: E402

POSTS = 8_000_000


def test_eight_million_posts(tmp_path):
    make_posts(POSTS, tmp_path / "posts.parquet")
    usage = check_scale(tmp_path / "posts.parquet", tmp_path, build_gib=2.0, stats_gib=2.0)
    print({what: f"{each.seconds:.1f} s, {each.peak:.2f} GiB" for what, each in usage.items()})
    for path in [tmp_path / "posts.parquet", *(tmp_path / "manifest").iterdir()]:
        path.unlink()

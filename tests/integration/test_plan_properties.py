# labels: integration
"""Every (sample, repeat, resolution) once an epoch, batches as the formula says, equal for any number of ranks and
cores: from 60 pictures to a hundred thousand. Millions: tests/campaign/test_plan_millions.py."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.plan_properties import check_plan  # noqa: E402


@pytest.mark.parametrize("posts", [60, 1000, 100_000])
def test_properties(tmp_path, posts):
    check_plan(tmp_path, posts)

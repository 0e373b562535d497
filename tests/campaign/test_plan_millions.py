# labels: campaign
"""The plan's properties over three million pictures; small twin: tests/integration/test_plan_properties.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.plan_properties import check_plan  # noqa: E402


def test_properties(tmp_path):
    check_plan(tmp_path, 3_000_000)

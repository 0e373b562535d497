# labels: integration torch
"""`train.fused_layers` changes how much is kept, not what is learned."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import run  # noqa: E402
from support.tiny import write_run  # noqa: E402


def losses(folder, fused):
    yaml = write_run(folder)
    run("atelier", "train", yaml, f"train.fused_layers={str(fused).lower()}", timeout=300)
    return [json.loads(line)["loss"] for line in (folder / "out" / "metrics.jsonl").read_text().splitlines()]


def test_both_bodies_have_the_same_losses(tmp_path):
    (tmp_path / "plain").mkdir()
    (tmp_path / "fused").mkdir()
    plain, fused = losses(tmp_path / "plain", False), losses(tmp_path / "fused", True)
    assert len(plain) > 5 and plain[0] != plain[-1]
    assert fused == pytest.approx(plain, rel=1e-4)
    assert fused != plain  # the option does something

# labels: integration torch
"""How a run reads captions: it changes what is learned, previews read alike, and a resumed run must read as before."""

import json
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import run  # noqa: E402
from support.tiny import write_run  # noqa: E402

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def train(yaml, out, *options, check=True):
    return run("atelier", "train", yaml, f"output_dir={out}", *options, check=check, env=ENVIRONMENT, timeout=300)


def losses(out):
    return [json.loads(line)["loss"] for line in (out / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def yaml(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prompts")
    path = write_run(folder, max_train_steps=2)
    (folder / "prompts.txt").write_text("a red disc BREAK (green ground:1.3)\n")
    return path


def test_each_reading_has_its_own_losses_and_the_default_is_plain_rows(yaml, tmp_path):
    readings = {
        "default": [],
        "spelled": ["train.max_token_length=75", "train.token_chunking=blind75", "train.clip_skip=2",
                    "train.weighted_captions=false"],
        "long": ["train.max_token_length=150"],
        "full": ["train.max_token_length=150", "train.token_join=full"],
        "skip": ["train.clip_skip=1"],
    }
    found = {}
    for name, options in readings.items():
        train(yaml, tmp_path / name, *options)
        found[name] = losses(tmp_path / name)
    assert found["spelled"] == found["default"]
    assert len({tuple(values) for values in found.values()}) == 4, found


def test_previews_read_as_the_run_does_and_a_resumed_run_must(yaml, tmp_path):
    options = ["train.max_token_length=150", "train.weighted_captions=true", "sample.every_n_steps=2", "sample.steps=2",
               "sample.width=64", "sample.height=64", "save.every_n_steps=1"]
    pictures = {}
    for name, more in {"weighted": [], "plain": ["train.weighted_captions=false"]}.items():
        train(yaml, tmp_path / name, f"sample.prompts={yaml.parent / 'prompts.txt'}", *options, *more)
        pictures[name] = (tmp_path / name / "samples" / "step-00000002" / "000.png").read_bytes()
    assert losses(tmp_path / "weighted") == losses(tmp_path / "plain")  # no caption has a bracket
    assert pictures["weighted"] != pictures["plain"]
    result = run("atelier", "train", yaml, f"output_dir={tmp_path / 'plain'}", "train.max_train_steps=4", "--resume", "auto",
                 check=False, env=ENVIRONMENT)
    assert result.returncode == 2 and "train captions: 150 tokens" in result.stderr, result.stderr

# labels: integration torch
"""gpu-check, as far as it goes without a GPU: its checks on the CPU, and what it says."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import run  # noqa: E402


def test_checks_pass_on_the_cpu():
    result = run("gpu-check", "--no-gpu")
    lines = result.stdout.splitlines()
    assert lines[-1] == "0 checks failed"
    assert sum(line.startswith("ok") for line in lines) >= 20
    assert any("skipped" in line for line in lines)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so():
    result = run("gpu-check", check=False)
    assert result.returncode == 4
    assert "no usable GPU" in result.stderr

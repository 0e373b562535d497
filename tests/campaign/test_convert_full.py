# labels: campaign torch
"""A checkpoint of SDXL's size through `model convert` and back, with its limits of memory and time (21 GB of disk). Its
small twin is tests/peer/test_single_file.py."""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import BUILD, SOURCE  # noqa: E402


def test_there_and_back(tmp_path):
    bench = [sys.executable, SOURCE / "tools/bench/convert.py", "--work", tmp_path, "--build", BUILD]
    result = subprocess.run(bench, capture_output=True, text=True)
    print(result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 of 2515 tensors differ" in result.stdout

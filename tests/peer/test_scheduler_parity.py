# labels: integration parity
"""The golden file of the C++ tests of schedules and samplers is what the installed diffusers does."""

import importlib.util
from pathlib import Path

import torch
from safetensors.torch import load_file

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "schedulers"


def test_the_golden_file_is_diffusers():
    specification = importlib.util.spec_from_file_location("make_schedulers", GOLDEN / "make.py")
    maker = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(maker)
    made, kept = maker.make(), load_file(GOLDEN / "schedulers.safetensors")
    assert made.keys() == kept.keys()
    for name, tensor in made.items():
        torch.testing.assert_close(tensor, kept[name], rtol=1e-6, atol=1e-6, msg=name)

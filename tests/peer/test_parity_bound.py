# labels: integration parity
"""The bound that the parity tests use lets through what it should, and nothing else."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.parity import assert_parity  # noqa: E402


def tensors():
    """fp64: one output, one real gradient, three that are exactly zero, one that is zero but for rounding."""
    zeros = {f"grad.frozen.{i}": torch.zeros(4, dtype=torch.float64) for i in range(3)}
    rounding = {"grad.cancelled": torch.full((4,), 1e-17, dtype=torch.float64)}
    return {"sample": torch.arange(1.0, 5, dtype=torch.float64), "grad.weight": torch.full((4,), 2.0, dtype=torch.float64),
            **zeros, **rounding}


def moved(name, by):
    return tensors() | {name: tensors()[name] + by}


@pytest.mark.parametrize("name", ["sample", "grad.weight", "grad.frozen.0", "grad.cancelled"])
def test_errors_of_fp32s_size_pass_and_larger_ones_do_not(name):
    assert_parity(moved(name, 1e-6), tensors(), tensors())
    with pytest.raises(AssertionError, match=name.replace(".", r"\.")):
        assert_parity(moved(name, 1e-3), tensors(), tensors())


def test_an_inexact_peer_widens_the_bound_until_it_proves_nothing():
    assert_parity(moved("grad.weight", 1e-3), moved("grad.weight", 4e-4), tensors())
    with pytest.raises(AssertionError, match="peer's own error"):
        assert_parity(tensors(), moved("grad.weight", 0.1), tensors())


def test_not_a_number_and_missing_tensors_fail():
    with pytest.raises(AssertionError):
        assert_parity(moved("sample", float("nan")), tensors(), tensors())
    with pytest.raises(AssertionError):
        assert_parity({"sample": tensors()["sample"]}, tensors(), tensors())


def test_a_model_whose_gradients_are_all_zero_is_judged_all_the_same():
    zero = {"sample": torch.ones(2, dtype=torch.float64), "grad.weight": torch.zeros(2, dtype=torch.float64)}
    assert_parity(zero, zero, zero)
    with pytest.raises(AssertionError, match="grad.weight"):
        assert_parity(zero | {"grad.weight": torch.ones(2)}, zero, zero)

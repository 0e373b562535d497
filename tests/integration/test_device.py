# labels: integration torch gpu
"""`--device` and `train.device` as a user gives them. Where there is a GPU: training on it against the CPU."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import run  # noqa: E402
from support.tiny import weights_of, write_run  # noqa: E402

NO_GPU = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")
# Relative error of a step's loss; the loss follows the weights, which drift apart as steps are rounded differently.
PLACES = [pytest.param("cpu", "no", 0, id="cpu"), pytest.param("cuda", "no", 0.02, id="cuda", marks=gpu),
          pytest.param("cuda", "bf16", 0.1, id="cuda-bf16", marks=gpu)]
STEPS = 50


def train(folder, device, precision, *args, **options):
    path = write_run(folder, max_train_steps=STEPS, device=device, mixed_precision=precision, deterministic=True)
    return run("atelier-train", "train", path, "save.every_n_steps=20", *args, **options)


def losses(folder):
    return [json.loads(line)["loss"] for line in (folder / "out" / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def on_the_cpu(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cpu")
    train(folder, "cpu", "no")
    return folder


@pytest.mark.parametrize("device, precision, tolerance", PLACES)
def test_a_run_learns_as_on_the_cpu_and_resumes_bit_for_bit(device, precision, tolerance, on_the_cpu, tmp_path):
    train(tmp_path, device, precision)
    wanted, whole = losses(on_the_cpu), losses(tmp_path)
    assert len(whole) == STEPS
    assert sum(wanted[-10:]) < sum(wanted[:10])  # one step's loss hangs on its pictures and timesteps
    assert all(abs(ours - cpus) <= tolerance * cpus for ours, cpus in zip(whole, wanted, strict=True))

    product = tmp_path / "out" / "tiny" / "unet" / "diffusion_pytorch_model.safetensors"
    weights = weights_of(product)
    checkpoints = sorted((tmp_path / "out" / "checkpoints").iterdir())
    assert [folder.name for folder in checkpoints] == ["step-00000040", "step-00000050"]
    shutil.rmtree(checkpoints[-1])
    shutil.rmtree(tmp_path / "out" / "tiny")
    train(tmp_path, device, precision, "--resume", "auto")
    assert losses(tmp_path) == whole and weights_of(product) == weights


def test_a_gpu_that_is_not_there_is_told(on_the_cpu, tmp_path):
    result = train(tmp_path, "cuda", "no", check=False, env=NO_GPU)
    assert result.returncode == 2 and "train.device" in result.stderr and "no usable GPU" in result.stderr
    model = on_the_cpu / "out" / "tiny"
    arguments = ["sample", model, "--prompt", "x", "--steps", 1, "--out", tmp_path / "one.png"]
    result = run("atelier-model", *arguments, "--device", "cuda", check=False, env=NO_GPU)
    assert result.returncode == 2 and "--device" in result.stderr and "no usable GPU" in result.stderr
    assert not (tmp_path / "one.png").exists()
    result = run("atelier-model", *arguments, "--device", "tpu", check=False)
    assert result.returncode == 2 and "--device" in result.stderr


def test_auto_is_the_cpu_where_there_is_no_gpu(on_the_cpu, tmp_path):
    model = on_the_cpu / "out" / "tiny"
    for name, arguments in {"auto": [], "cpu": ["--device", "cpu"]}.items():
        run("atelier-model", "sample", model, "--prompt", "x", "--steps", 2, "--out", tmp_path / f"{name}.png",
            *arguments, env=NO_GPU)
    assert (tmp_path / "auto.png").read_bytes() == (tmp_path / "cpu.png").read_bytes()

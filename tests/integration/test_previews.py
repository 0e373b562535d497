# labels: integration torch
"""Previews of a training run: each line of the prompt file with its own settings."""

import json
import re
import sys
from pathlib import Path

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import run  # noqa: E402
from support.tiny import write_run  # noqa: E402


def write_run_with_previews(folder, prompts):
    path = write_run(folder, max_train_steps=2)
    (folder / "prompts.txt").write_text(prompts)
    content = json.loads(path.read_text())
    content["sample"] = {"every_n_steps": 1, "prompts": "prompts.txt", "width": 64, "height": 64, "steps": 2,
                         "sampler": "unipc", "guidance_rescale": 0.5, "seed": 100}
    path.write_text(json.dumps(content))
    return path


def test_previews_honour_the_flags_of_their_lines(tmp_path):
    path = write_run_with_previews(
        tmp_path, "1girl, red disc\n\n1boy --n blurry --w 96 --h 32 --d 7 --l 2 --s 3 --ss euler_a\nno_humans\n")
    run("atelier-train", "train", path)
    samples = tmp_path / "out" / "samples"
    assert sorted(folder.name for folder in samples.iterdir()) == ["step-00000001", "step-00000002"]
    last = samples / "step-00000002"
    assert sorted(file.name for file in last.iterdir()) == ["000.png", "001.png", "002.png", "grid.png"]
    texts = []
    for name, size in ("000.png", (64, 64)), ("001.png", (96, 32)), ("002.png", (64, 64)):
        with Image.open(last / name) as image:
            assert image.size == size
            texts.append(image.text["parameters"])
    assert re.search(r"^1girl, red disc\nSteps: 2, Sampler: UniPC, CFG scale: 5, Seed: 100, Size: 64x64, "
                     r"Model: step-00000002, Guidance rescale: 0.5, ", texts[0])
    assert re.search(r"^1boy\nNegative prompt: blurry\nSteps: 3, Sampler: Euler a, CFG scale: 2, Seed: 7, Size: 96x32, ",
                     texts[1])
    assert "Seed: 102" in texts[2], "the seeds of lines without one count up"
    first, second = (Image.open(samples / step / "000.png").tobytes() for step in ("step-00000001", "step-00000002"))
    assert first != second, "the model was trained in between"


def test_a_fault_in_the_prompts_is_told_before_the_first_step(tmp_path):
    path = write_run_with_previews(tmp_path, "1girl\n1boy --ss heun\n")
    result = run("atelier-train", "train", path, check=False)
    assert result.returncode == 2 and "prompts.txt:2" in result.stderr and "euler" in result.stderr
    assert not (tmp_path / "out" / "samples").exists() and not list((tmp_path / "out").glob("metrics*"))


# Of 16 pixels a latent: a prompt file, read without the model, takes any multiple of 8.
VAE = {"_class_name": "AutoencoderKL", "latent_channels": 8, "block_out_channels": [8] * 5, "norm_num_groups": 4,
       "down_block_types": ["DownEncoderBlock2D"] * 5, "up_block_types": ["UpDecoderBlock2D"] * 5}


@pytest.mark.parametrize("line, told", [("1boy --w 96 --h 72", "multiples of 16"), ("1boy --ss unipc --s 1000", "too many")])
def test_what_only_drawing_would_refuse_is_told_before_the_first_step(line, told, tmp_path):
    path = write_run_with_previews(tmp_path, f"1girl\n{line}\n")
    content = json.loads(path.read_text())
    content["dataset"]["buckets"]["bucket_reso_steps"] = 32
    path.write_text(json.dumps(content))
    (tmp_path / "config/vae/config.json").write_text(json.dumps(VAE))
    scheduler = tmp_path / "config/scheduler/scheduler_config.json"
    leading = {"timestep_spacing": "leading", "rescale_betas_zero_snr": False}
    scheduler.write_text(json.dumps(json.loads(scheduler.read_text()) | leading))
    result = run("atelier-train", "train", path, check=False)
    assert result.returncode == 2 and told in result.stderr and "1boy" in result.stderr, result.stderr
    assert not (tmp_path / "out" / "samples").exists() and not list((tmp_path / "out").glob("metrics*"))

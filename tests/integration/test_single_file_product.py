# labels: integration torch
"""Full training from a single file makes a single file, which draws and opens elsewhere."""

import hashlib
import json
import struct
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from support.programs import run  # noqa: E402
from support.tiny import write_run  # noqa: E402
from support.tiny_sdxl import make_pipeline  # noqa: E402


def test_a_trained_single_file(tmp_path):
    make_pipeline(tmp_path / "made", prediction_type="v_prediction")
    base = tmp_path / "base.safetensors"
    run("atelier", "model", "convert", tmp_path / "made", base)
    yaml = write_run(tmp_path, max_train_steps=2, lr_warmup_steps=0, global_batch_size=2, train_batch_size=2)
    options = json.loads(yaml.read_text())
    options["model"] = {"pretrained_model_name_or_path": "base.safetensors"}
    yaml.write_text(json.dumps(options))
    run("atelier", "train", yaml)

    product = tmp_path / "out" / "tiny.safetensors"
    before, after = load_file(base), load_file(product)
    assert before.keys() == after.keys() and "v_pred" in after
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"model", "conditioner"}, "the VAE is not trained"
    with safe_open(product, "pt") as file:
        metadata = file.metadata()
    assert metadata["modelspec.architecture"] == "stable-diffusion-xl-v1-base"
    assert metadata["modelspec.prediction_type"] == "v" and metadata["ss_steps"] == "2"
    content = product.read_bytes()
    data = content[8 + struct.unpack("<Q", content[:8])[0]:]
    assert metadata["modelspec.hash_sha256"] == "0x" + hashlib.sha256(data).hexdigest()

    run("atelier", "sample", product, "--prompt", "a red disc", "--steps", 1, "--width", 32, "--height", 32, "--out", tmp_path / "x.png")
    run("atelier", "model", "convert", product, tmp_path / "folder")
    from diffusers import UNet2DConditionModel
    unet = UNet2DConditionModel.from_pretrained(tmp_path / "folder" / "unet")
    assert torch.equal(unet.conv_in.weight, after["model.diffusion_model.input_blocks.0.0.weight"])

# labels: integration torch
"""What a run makes loads in other programs and gives the same numbers there."""

import json
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from support.programs import run
from support.tiny import write_run


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    run("atelier", "train", write_run(folder))
    return folder


def test_the_trained_unet_predicts_the_same_in_diffusers(trained, tmp_path):
    from diffusers import UNet2DConditionModel
    product = trained / "out" / "tiny" / "unet"
    model = UNet2DConditionModel.from_pretrained(product).eval()
    generator = torch.Generator().manual_seed(1)
    inputs = {
        "sample": torch.randn(2, 8, 8, 6, generator=generator), "timestep": torch.tensor([3.0, 700.0]),
        "encoder_hidden_states": torch.randn(2, 77, 32, generator=generator),
        "text_embeds": torch.randn(2, 16, generator=generator), "time_ids": torch.randint(0, 100, (2, 6)).float(),
    }
    save_file(inputs, tmp_path / "in.safetensors")
    run("atelier", "model", "eval", "unet", product, "--inputs", tmp_path / "in.safetensors", "--out", tmp_path / "out.safetensors")
    ours = load_file(tmp_path / "out.safetensors")["sample"].double()
    with torch.no_grad():
        theirs = model(inputs["sample"], inputs["timestep"], inputs["encoder_hidden_states"],
                       added_cond_kwargs={"text_embeds": inputs["text_embeds"], "time_ids": inputs["time_ids"]}).sample.double()
    assert (ours - theirs).norm() / theirs.norm() < 2e-5


def test_the_text_encoders_load_in_transformers(trained):
    from transformers import CLIPTextModel, CLIPTextModelWithProjection
    product = trained / "out" / "tiny"
    for kind, name in ((CLIPTextModel, "text_encoder"), (CLIPTextModelWithProjection, "text_encoder_2")):
        model, report = kind.from_pretrained(product / name, output_loading_info=True)
        assert not report["missing_keys"] and not report["unexpected_keys"]


def test_training_changed_every_part(trained, tmp_path):
    """Against the same run of one step whose learning rate is 0 in warm-up: the initial weights."""
    yaml = write_run(tmp_path, max_train_steps=1)
    run("atelier", "train", yaml)
    for part in ("unet/diffusion_pytorch_model", "text_encoder/model", "text_encoder_2/model"):
        first = load_file(tmp_path / "out" / "tiny" / f"{part}.safetensors")
        last = load_file(trained / "out" / "tiny" / f"{part}.safetensors")
        assert first.keys() == last.keys()
        same = {name for name in first if torch.equal(first[name], last[name])}
        # SDXL never runs encoder 1's last layer: not even weight decay may touch it.
        unused = {name for name in first if part == "text_encoder/model" and (".layers.1." in name or ".final_layer_norm." in name)}
        assert unused <= same
        assert len(same - unused) < 0.1 * len(first), same - unused


@pytest.mark.parametrize("clip_skip", (1, 3))
def test_clip_skip_says_which_layers_of_encoder_1_learn(tmp_path, clip_skip):
    """Once always all but the last: with 1 that stood still, with 3 another was moved by weight decay alone."""
    weights = []
    for steps in (1, 3):  # the first step's learning rate is 0: the initial weights
        yaml = write_run(tmp_path / str(steps), max_train_steps=steps, clip_skip=clip_skip, gradient_checkpointing=True)
        run("atelier", "train", yaml)
        product = tmp_path / str(steps) / "out" / "tiny"
        weights.append(load_file(product / "text_encoder" / "model.safetensors"))
    first, last = weights
    learned = {name for name in first if not torch.equal(first[name], last[name])}
    for layer in range(2):
        names = {name for name in first if f".layers.{layer}." in name and "k_proj.bias" not in name}
        assert names <= learned if layer < 3 - clip_skip else not names & learned, layer
    assert not any("final_layer_norm" in name for name in learned)
    assert any("token_embedding" in name for name in learned)


def test_a_lora_of_the_trained_model(trained, tmp_path):
    yaml = write_run(tmp_path)
    base = trained / "out" / "tiny"
    arguments = [f"model={{pretrained_model_name_or_path: {base}}}", "network={network_dim: 4, network_alpha: 2}",
                 "train.learning_rate=0.01", "save.precision=fp16"]
    options = json.loads(yaml.read_text())
    del options["model"]
    yaml.write_text(json.dumps(options))
    run("atelier", "train", yaml, *arguments)
    file = tmp_path / "out" / "tiny.safetensors"
    weights = load_file(file)
    modules = {name.split(".")[0] for name in weights}
    assert all(name.startswith("lora_unet_") for name in modules)
    assert any("transformer_blocks_0_attn1_to_q" in name for name in modules)
    for module in modules:
        assert weights[f"{module}.alpha"].shape == () and weights[f"{module}.alpha"] == 2
        assert weights[f"{module}.lora_down.weight"].dtype == torch.float16
        assert weights[f"{module}.lora_up.weight"].abs().sum() > 0
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    assert metadata["ss_network_module"] == "networks.lora" and metadata["ss_network_dim"] == "4"
    assert metadata["modelspec.architecture"] == "stable-diffusion-xl-v1-base/lora"
    assert metadata["modelspec.prediction_type"] == "v"
    again = run("atelier", "train", yaml, *arguments, "--resume", "auto")
    assert "complete" in again.stderr

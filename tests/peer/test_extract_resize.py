# labels: integration parity torch
"""`model extract-lora` and `model resize-lora` against numpy's singular value decomposition, and in diffusers."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders import StableDiffusionXLLoraLoaderMixin
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.lora import SDXL_BLOCKS, kohya_names, weights  # noqa: E402
from support.programs import run  # noqa: E402
from support.tiny import write_model_config  # noqa: E402
from support.tiny_sdxl import make_pipeline  # noqa: E402

UNET_FILE = "unet/diffusion_pytorch_model.safetensors"
RANK = 3


def matrix(weight):
    return weight.reshape(weight.shape[0], -1).astype(np.float64)


def is_adapted(name, weight):
    """Attention and MLP of the transformers and text encoders."""
    parts = ("attentions.", ".self_attn.", ".mlp.")
    return weight.ndim >= 2 and name.endswith(".weight") and any(part in name for part in parts)


def is_resnet(name, weight):
    return weight.ndim >= 2 and any(part in name for part in ("resnets.", "downsamplers.", "upsamplers."))


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A pipeline folder of random weights."""
    folder = write_model_config(tmp_path_factory.mktemp("base"))
    (folder / "unet" / "config.json").write_text(json.dumps(SDXL_BLOCKS))
    torch.manual_seed(1)
    UNet2DConditionModel.from_config(SDXL_BLOCKS).save_pretrained(folder / "unet")
    for part, kind in (("text_encoder", CLIPTextModel), ("text_encoder_2", CLIPTextModelWithProjection)):
        config = json.loads((folder / part / "config.json").read_text())
        kind(CLIPTextConfig(**config)).save_pretrained(folder / part)
    return folder


def changed(base, folder, files, change):
    """A copy of `base` whose tensors of `files` went through change(name, values)."""
    for path in base.rglob("*"):
        if path.is_file():
            target = folder / path.relative_to(base)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    for file in files:
        save_file({name: change(name, values) for name, values in load_file(base / file).items()}, folder / file)
    return folder


def low_rank(rng, weight, rank):
    outputs, inputs = matrix(weight).shape
    product = rng.normal(size=(outputs, rank)) @ rng.normal(size=(rank, inputs))
    return (0.01 * product).reshape(weight.shape).astype(np.float32)


def differences(file):
    """Module name -> what the LoRA adds, as a matrix."""
    tensors = load_file(file)
    found = {}
    for name in tensors:
        if not name.endswith(".lora_down.weight"):
            continue
        module = name.removesuffix(".lora_down.weight")
        down, up = matrix(tensors[name]), matrix(tensors[f"{module}.lora_up.weight"])
        found[module] = float(tensors[f"{module}.alpha"]) / down.shape[0] * (up @ down)
    return found


def relative(difference, reference):
    return np.linalg.norm(difference) / np.linalg.norm(reference)


@pytest.fixture(scope="module")
def tuned(base, tmp_path_factory):
    """The base plus differences of rank 3 in the UNet's attention and in the second text encoder; and the differences
    under kohya's names."""
    rng = np.random.default_rng(2)
    added = {}

    def change(name, values):
        if not is_adapted(name, values):
            return values
        added[name.removesuffix(".weight")] = low_rank(rng, values, RANK)
        return values + added[name.removesuffix(".weight")]

    folder = changed(base, tmp_path_factory.mktemp("tuned"), [UNET_FILE, "text_encoder_2/model.safetensors"], change)
    names = {module: path.split(".", 1)[1] for module, path in kohya_names(weights(base)).items()
             if not path.startswith("text_encoder.")}
    return folder, {module: added[path] for module, path in names.items() if path in added}


def test_a_difference_of_low_rank_is_found_again(base, tuned, tmp_path):
    folder, added = tuned
    said = run("atelier", "model", "extract-lora", base, folder, tmp_path / "x.safetensors", "--rank", RANK,
               "--clamp-quantile", 1, "--dtype", "fp32", "--min-diff", "1e-4")
    found = differences(tmp_path / "x.safetensors")
    assert "text_encoder counts as equal" in said.stderr and f"adapters  {len(added)}" in said.stdout
    assert sorted(found) == sorted(added)
    for module, difference in added.items():  # the weights' own rounding is in the files' difference
        assert relative(found[module] - matrix(difference), matrix(difference)) < 1e-5, module
    with safe_open(tmp_path / "x.safetensors", "np") as file:
        metadata = file.metadata()
    assert metadata["ss_network_dim"] == metadata["ss_network_alpha"] == str(RANK)
    assert metadata["ss_network_module"] == "networks.lora" and metadata["ss_base_model_version"] == "sdxl_base_v1-0"
    assert metadata["modelspec.architecture"] == "stable-diffusion-xl-v1-base/lora"
    assert metadata["modelspec.prediction_type"] == "v"


def test_the_extracted_lora_turns_the_base_into_the_tuned_model_in_diffusers(base, tuned, tmp_path):
    pytest.importorskip("peft")
    folder, _ = tuned
    file = tmp_path / "x.safetensors"
    run("atelier", "model", "extract-lora", base, folder, file, "--rank", RANK, "--clamp-quantile", 1,
        "--dtype", "fp32")
    generator = torch.Generator().manual_seed(3)
    inputs = dict(
        sample=torch.randn(2, 8, 8, 12, generator=generator), timestep=torch.tensor([10.0, 800.0]),
        encoder_hidden_states=torch.randn(2, 77, 32, generator=generator),
        added_cond_kwargs={"text_embeds": torch.randn(2, 16, generator=generator), "time_ids": torch.ones(2, 6)})

    @torch.no_grad()
    def answer(model):
        return model.eval()(**inputs).sample.double().numpy()

    model = UNet2DConditionModel.from_pretrained(base / "unet")
    before, wanted = answer(model), answer(UNet2DConditionModel.from_pretrained(folder / "unet"))
    from safetensors.torch import load_file as load_torch
    state, alphas = StableDiffusionXLLoraLoaderMixin.lora_state_dict(load_torch(file), unet_config=model.config)
    StableDiffusionXLLoraLoaderMixin.load_lora_into_unet(state, alphas, model, adapter_name="ours")
    assert relative(before - wanted, wanted) > 1e-2
    assert relative(answer(model) - wanted, wanted) < 2e-5


def test_a_full_difference_is_cut_at_the_best_error(base, tmp_path):
    """Eckart-Young: no matrix of that rank is nearer than what numpy's singular values leave."""
    rng = np.random.default_rng(4)

    def change(name, values):
        adapted = is_adapted(name, values) or is_resnet(name, values)
        return values + (0.02 * rng.normal(size=values.shape)).astype("f4") if adapted else values

    folder, file = changed(base, tmp_path / "tuned", [UNET_FILE], change), tmp_path / "x.safetensors"
    run("atelier", "model", "extract-lora", base, folder, file, "--rank", 4, "--conv-rank", 2, "--clamp-quantile", 1,
        "--dtype", "fp32")
    before, after = load_file(base / UNET_FILE), load_file(folder / UNET_FILE)
    tensors, found = load_file(file), differences(file)
    names = {module: path.split(".", 1)[1] + ".weight" for module, path in kohya_names(weights(base)).items()}
    assert sorted(found) == sorted(module for module, path in names.items()
                                   if module.startswith("lora_unet_") and (after[path] != before[path]).any())
    kernels = 0
    for module, product in found.items():
        down, up = tensors[f"{module}.lora_down.weight"], tensors[f"{module}.lora_up.weight"]
        kernel = down.ndim == 4 and down.shape[2] > 1
        kernels += kernel
        rank = 2 if kernel else 4
        assert down.shape[0] == up.shape[1] == tensors[f"{module}.alpha"] == rank
        assert up.shape[2:] == (1,) * (down.ndim - 2)
        difference = matrix(after[names[module]]) - matrix(before[names[module]])
        best = np.linalg.norm(np.linalg.svd(difference, compute_uv=False)[rank:])
        assert np.isclose(np.linalg.norm(difference - product), best, rtol=1e-5), module
    assert kernels > 10


def test_single_files_and_folders_give_the_same_lora(tmp_path):
    base = tmp_path / "base"
    make_pipeline(base, vocabulary=1000)
    rng = np.random.default_rng(11)
    tuned = changed(base, tmp_path / "tuned", [UNET_FILE, "text_encoder/model.safetensors"],
                    lambda name, values: values + low_rank(rng, values, 2) if is_adapted(name, values) else values)
    for folder in (base, tuned):
        run("atelier", "model", "convert", folder, f"{folder}.safetensors")
    options = ["--rank", 2, "--clamp-quantile", 1, "--dtype", "fp32"]
    run("atelier", "model", "extract-lora", base, tuned, tmp_path / "a.safetensors", *options)
    run("atelier", "model", "extract-lora", f"{base}.safetensors", tuned, tmp_path / "b.safetensors", *options)
    run("atelier", "model", "extract-lora", f"{base}.safetensors", f"{tuned}.safetensors", tmp_path / "c.safetensors",
        *options)
    first = load_file(tmp_path / "a.safetensors")
    assert any(name.startswith("lora_te1_") for name in first) and any(name.startswith("lora_unet_") for name in first)
    for other in ("b", "c"):
        tensors = load_file(tmp_path / f"{other}.safetensors")
        assert sorted(tensors) == sorted(first)
        assert all((tensors[name] == first[name]).all() for name in first)


def test_clamping_is_that_of_sd_scripts(base, tmp_path):
    """Both matrices to the quantile of all entries: extract_lora_from_models.py's formula, on numpy's own SVD."""
    rng = np.random.default_rng(5)
    target = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight"
    values = load_file(base / UNET_FILE)[target]
    tuned = values + (0.02 * rng.normal(size=values.shape)).astype(np.float32)
    folder = changed(base, tmp_path / "tuned", [UNET_FILE], lambda name, old: tuned if name == target else old)
    file = tmp_path / "x.safetensors"
    said = run("atelier", "model", "extract-lora", base, folder, file, "--rank", 4, "--dtype", "fp32").stdout
    tensors = load_file(file)
    assert sorted(tensors) == [f"lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q.{part}"
                               for part in ("alpha", "lora_down.weight", "lora_up.weight")]
    assert "equal" in said
    u, s, vh = np.linalg.svd(tuned.astype(np.float64) - values)
    up, down = u[:, :4] * s[:4], vh[:4]
    # The sign of a pair of singular vectors is free, and decides about the quantile a little.
    ours_down, ours_up = (tensors[sorted(tensors)[i]].astype(np.float64) for i in (1, 2))
    signs = np.sign((ours_down * down).sum(1))
    bound = np.quantile(np.concatenate([(up * signs).ravel(), (down * signs[:, None]).ravel()]), 0.99)
    assert np.allclose(ours_up, np.clip(up * signs, -bound, bound), atol=1e-5)
    assert np.allclose(ours_down, np.clip(down * signs[:, None], -bound, bound), atol=1e-5)


def test_what_cannot_be_extracted_is_told(base, tuned, tmp_path):
    def refused(*args):
        result = run("atelier", "model", "extract-lora", *args, check=False)
        assert result.returncode == 2 and not (tmp_path / "x.safetensors").exists(), result.stderr
        return result.stderr

    assert "do not differ" in refused(base, base, tmp_path / "x.safetensors")
    other = changed(base, tmp_path / "other", [UNET_FILE], lambda name, values: values)
    config = json.loads((other / "unet" / "config.json").read_text())
    config["cross_attention_dim"] = 16
    torch.manual_seed(1)
    UNet2DConditionModel.from_config(config).save_pretrained(other / "unet")
    assert "attn2.to_k.weight" in refused(base, other, tmp_path / "x.safetensors")
    broken = changed(base, tmp_path / "nan", [UNET_FILE], lambda name, values: values * np.float32("nan"))
    assert "NaN" in refused(base, broken, tmp_path / "x.safetensors")
    assert ".safetensors" in refused(base, tuned[0], tmp_path / "x.pt")
    taken = tmp_path / "taken.safetensors"
    taken.write_bytes(b"precious")
    refused(base, tuned[0], taken)
    assert taken.read_bytes() == b"precious"


# --- resize ---


def resize(folder, *options, check=True):
    return run("atelier", "model", "resize-lora", folder / "in.safetensors", folder / "out.safetensors", *options,
               check=check)


def write_lora(path, rng, metadata=None):
    """Three modules, one of them a convolution, with falling singular values and alphas of their own."""
    shapes = {"lora_unet_input_blocks_4_1_proj_in": ((40, 12), (12, 24), 6.0),
              "lora_te1_text_model_encoder_layers_0_mlp_fc1": ((64, 8), (8, 16), 8.0),
              "lora_unet_input_blocks_1_0_in_layers_2": ((20, 6, 1, 1), (6, 10, 3, 3), 3.0)}
    tensors = {}
    for module, (up, down, alpha) in shapes.items():
        falling = (0.5 ** np.arange(up[1])).reshape(1, *up[1:])
        tensors[f"{module}.lora_up.weight"] = (rng.normal(size=up) * falling).astype("f4")
        tensors[f"{module}.lora_down.weight"] = rng.normal(size=down).astype("f4")
        tensors[f"{module}.alpha"] = np.array(alpha, "f4")
    save_file(tensors, path, metadata=metadata or {"ss_network_dim": "12", "sshs_model_hash": "00", "title": "mine"})
    return tensors


def singular_values(product):
    return np.linalg.svd(product, compute_uv=False)


@pytest.mark.parametrize("rank", [1, 4, 7])
def test_resizing_keeps_the_largest_singular_values(rank, tmp_path):
    write_lora(tmp_path / "in.safetensors", np.random.default_rng(6))
    said = resize(tmp_path, "--rank", rank, "--dtype", "fp32", "--verbose").stdout
    before, after = differences(tmp_path / "in.safetensors"), differences(tmp_path / "out.safetensors")
    tensors, old = load_file(tmp_path / "out.safetensors"), load_file(tmp_path / "in.safetensors")
    assert list(before) == list(after) and sorted(tensors) == sorted(old)
    for module in before:
        values = singular_values(before[module])
        kept = min(rank, old[f"{module}.lora_down.weight"].shape[0])
        assert tensors[f"{module}.lora_down.weight"].shape[0] == kept
        assert tensors[f"{module}.lora_down.weight"].shape[1:] == old[f"{module}.lora_down.weight"].shape[1:]
        assert np.allclose(singular_values(after[module])[:kept], values[:kept], rtol=1e-5)
        tail = np.linalg.norm(values[kept:])
        assert abs(np.linalg.norm(after[module] - before[module]) - tail) < 1e-5 * np.linalg.norm(values)
        scale = old[f"{module}.alpha"] / old[f"{module}.lora_down.weight"].shape[0]
        assert np.isclose(tensors[f"{module}.alpha"], scale * kept)
        fraction = 100 * np.linalg.norm(values[:kept]) / np.linalg.norm(values)
        assert any(line.startswith(module) and f"{fraction:.2f} %" in line for line in said.splitlines())


def sd_scripts_rank(values, method, param):
    """What the method promises, in words: the fewest values that ..."""
    for rank in range(1, len(values) + 1):
        if method == "sv_fro" and np.linalg.norm(values[:rank]) >= param * np.linalg.norm(values):
            return rank
        if method == "sv_cumulative" and values[:rank].sum() >= param * values.sum():
            return rank
    return int((values >= values[0] / param).sum())


@pytest.mark.parametrize("method,param", [("sv_ratio", 6), ("sv_fro", 0.97), ("sv_cumulative", 0.8)])
def test_dynamic_ranks_follow_the_singular_values(method, param, tmp_path):
    old = write_lora(tmp_path / "in.safetensors", np.random.default_rng(7))
    resize(tmp_path, "--rank", 5, "--dynamic-method", method, "--dynamic-param", param, "--dtype", "fp32")
    tensors = load_file(tmp_path / "out.safetensors")
    ranks = {}
    for module, product in differences(tmp_path / "in.safetensors").items():
        own = old[f"{module}.lora_down.weight"].shape[0]
        wanted = min(sd_scripts_rank(singular_values(product)[:own], method, param), 5)
        ranks[module] = tensors[f"{module}.lora_down.weight"].shape[0]
        assert ranks[module] == wanted
    with safe_open(tmp_path / "out.safetensors", "np") as file:
        metadata = file.metadata()
    linear = {rank for module, rank in ranks.items() if "in_layers" not in module}
    assert metadata["ss_network_dim"] == (str(linear.pop()) if len(linear) == 1 else "Dynamic")
    assert metadata["title"] == "mine" and "sshs_model_hash" not in metadata
    assert metadata["ss_training_comment"].startswith("dimension is resized from ")


def test_a_file_without_alphas_keeps_its_names_and_its_effect(tmp_path):
    rng = np.random.default_rng(8)
    module = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    down, up = rng.normal(size=(6, 20)).astype("f4"), rng.normal(size=(30, 6)).astype("f4")
    config = json.dumps({"unet.r": 6, "unet.lora_alpha": 12})
    save_file({f"{module}.lora_A.weight": down, f"{module}.lora_B.weight": up}, tmp_path / "in.safetensors",
              metadata={"lora_adapter_metadata": config})
    resize(tmp_path, "--rank", 6, "--dtype", "fp32")
    tensors = load_file(tmp_path / "out.safetensors")
    assert sorted(tensors) == [f"{module}.lora_A.weight", f"{module}.lora_B.weight"]
    wanted = 2 * matrix(up) @ matrix(down)  # alpha / r, which the file's own table told
    found = matrix(tensors[f"{module}.lora_B.weight"]) @ matrix(tensors[f"{module}.lora_A.weight"])
    assert relative(found - wanted, wanted) < 1e-6
    with safe_open(tmp_path / "out.safetensors", "np") as file:
        assert "lora_adapter_metadata" not in file.metadata()


@pytest.mark.parametrize("damage,told", [
    (lambda t: t | {"m.hada_w1_a": np.ones((4, 4), "f4")}, "hada_w1_a"),
    (lambda t: t | {"lora_unet_input_blocks_4_1_proj_in.dora_scale": np.ones((40, 1), "f4")}, "dora_scale"),
    (lambda t: {name: values for name, values in t.items() if not name.endswith("up.weight")}, "lacks a matrix"),
    (lambda t: {name: np.full_like(values, np.inf) for name, values in t.items()}, "infinite"),
    (lambda t: t | {"lora_unet_input_blocks_4_1_proj_in.lora_up.weight": np.ones((40, 11), "f4")}, "not go together"),
    (lambda t: {"model.diffusion_model.out.0.weight": np.ones(4, "f4")}, "no part of a LoRA"),
])
def test_what_cannot_be_resized_is_told(damage, told, tmp_path):
    tensors = write_lora(tmp_path / "in.safetensors", np.random.default_rng(9))
    save_file(damage(tensors), tmp_path / "in.safetensors")
    result = resize(tmp_path, "--rank", 2, check=False)
    assert result.returncode == 2 and told in result.stderr and not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize("options", [
    ["--dynamic-method", "sv_fro"], ["--dynamic-param", "0.9"], ["--dynamic-method", "sv_fro", "--dynamic-param", "1.5"],
    ["--dynamic-method", "sv_ratio", "--dynamic-param", "0.5"], ["--dynamic-method", "best", "--dynamic-param", "1"],
])
def test_impossible_dynamic_ranks_are_told(options, tmp_path):
    write_lora(tmp_path / "in.safetensors", np.random.default_rng(10))
    result = resize(tmp_path, "--rank", 2, *options, check=False)
    assert result.returncode == 2 and "dynamic-" in result.stderr

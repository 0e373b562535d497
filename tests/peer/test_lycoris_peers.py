# labels: integration parity torch
"""Adapters of every kind that we trained and merged: LyCORIS and PEFT make the same weights of the same files."""

import functools
import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("lycoris")
pytest.importorskip("peft")
from diffusers import AutoencoderKL
from lycoris.modules.locon import LoConModule
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule
from peft import LoHaConfig, LoKrConfig, LoraConfig, get_peft_model, set_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.lora import kohya_names, modules, relative, train_adapters, train_base, unet_inputs, weights  # noqa: E402
from support.programs import run  # noqa: E402

SIZE = {"network_dim": 4, "network_alpha": 2, "conv_dim": 3, "conv_alpha": 1.5, "network_train_unet_only": False}
UNUSED = "lora_te1_text_model_encoder_layers_1_"  # SDXL takes the states before the first encoder's last layer
NETWORKS = {
    "locon": {"algo": "locon", **SIZE},
    "loha": {"algo": "loha", **SIZE},
    "lokr": {"algo": "lokr", "factor": 4, **SIZE, "network_dim": 2, "conv_dim": 1},
    "lokr-whole": {"algo": "lokr", **SIZE, "network_dim": 64, "conv_dim": 64},
    "dora": {"algo": "dora", **SIZE},
    "loha-dora": {"algo": "loha", "dora_wd": True, **SIZE},
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return train_base(tmp_path_factory.mktemp("lycoris") / "base")


@pytest.fixture(scope="module")
def merged_of(base, tmp_path_factory):
    """Of a kind: its name, our file, and the base's and the merged weights; made once."""
    @functools.cache
    def make(kind):
        folder = tmp_path_factory.mktemp(kind)
        file = train_adapters(folder, base, NETWORKS[kind], max_train_steps=3)
        run("atelier", "model", "merge", base, file, "--out", folder / "merged", "--dtype", "fp32")
        return kind, file, weights(base), weights(folder / "merged")
    return make


@pytest.fixture(params=NETWORKS)
def merged(request, merged_of):
    return merged_of(request.param)


def only(*kinds):
    """For tests that not every kind applies to."""
    return pytest.mark.parametrize("merged", kinds, indirect=True)


def as_layer(weight):
    if weight.dim() == 2:
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    else:
        layer = torch.nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2:], bias=False)
    layer.weight.data.copy_(weight)
    return layer


def lycoris_weight(name, parts, weight):
    state = {f"{name}.{part}": tensor for part, tensor in parts.items()}
    kind = next(kind for kind in (LoConModule, LohaModule, LokrModule) if kind.algo_check(state, name))
    with torch.no_grad():
        module = kind.make_module_from_state_dict(name, as_layer(weight), *kind.extract_state_dict(state, name)).eval()
        return module.get_merged_weight(1, weight.shape)[0]


def test_lycoris_makes_the_same_weights(merged):
    kind, file, before, after = merged
    adapters, names = modules(file), kohya_names(before)
    assert set(adapters) <= set(names)
    convolutions = 0
    for name, parts in adapters.items():
        weight, ours = before[names[name] + ".weight"], after[names[name] + ".weight"]
        theirs = lycoris_weight(name, parts, weight)
        assert relative(ours - theirs, theirs) < 1e-6, (kind, name)
        if name.startswith(UNUSED):
            continue
        assert relative(theirs - weight, weight) > 1e-4, name  # the adapter does something
        assert relative(ours - theirs, theirs - weight) < 1e-4, (kind, name)
        convolutions += weight.dim() == 4 and weight.shape[2] == 3
    assert convolutions > 20
    # Nothing else has changed.
    touched = {names[name] + ".weight" for name in adapters}
    assert all(torch.equal(after[key], tensor.float()) for key, tensor in before.items() if key not in touched)


def test_the_merged_unet_answers_like_the_adapted_one(merged, base, tmp_path):
    _, file, _, _ = merged
    save_file(unet_inputs(), tmp_path / "in.safetensors")
    answers = {}
    for name, arguments in {"bare": [base], "adapted": [base, "--lora", file],
                            "merged": [file.parents[1] / "merged"]}.items():
        run("atelier", "model", "eval", "unet", *arguments,
            "--inputs", tmp_path / "in.safetensors", "--out", tmp_path / "out.safetensors")
        answers[name] = load_file(tmp_path / "out.safetensors")["sample"]
    assert relative(answers["adapted"] - answers["bare"], answers["bare"]) > 1e-3
    assert relative(answers["merged"] - answers["adapted"], answers["adapted"]) < 1e-5


def peft_weight(kind, parts, weight):
    """What PEFT merges; None for a form that PEFT does not have."""
    alpha = parts["alpha"].item()
    if "hada_w1_a" in parts:
        config = LoHaConfig(r=parts["hada_w1_b"].shape[0], alpha=alpha, target_modules=["layer"])
        state = {part: tensor for part, tensor in parts.items() if part.startswith("hada")}
    elif "lokr_w1" in parts:
        rank = parts["lokr_w2_b"].shape[0] if "lokr_w2_b" in parts else NETWORKS[kind]["network_dim"]
        config = LoKrConfig(r=rank, alpha=rank, decompose_factor=NETWORKS[kind].get("factor", -1),
                            target_modules=["layer"])
        state = {part: tensor for part, tensor in parts.items() if part.startswith("lokr")}
    else:
        config = LoraConfig(r=parts["lora_up.weight"].shape[1], lora_alpha=alpha, use_dora="dora_scale" in parts,
                            target_modules=["layer"])
        state = {"lora_A.weight": parts["lora_down.weight"], "lora_B.weight": parts["lora_up.weight"]}
        if "dora_scale" in parts:
            scale = parts["dora_scale"].flatten()
            state["lora_magnitude_vector"] = scale if weight.dim() == 2 else scale.view(1, -1, 1, 1)
    model = get_peft_model(torch.nn.ModuleDict({"layer": as_layer(weight)}), config)
    result = set_peft_model_state_dict(model, {f"base_model.model.layer.{key}": value for key, value in state.items()})
    assert not result.unexpected_keys, result
    return model.merge_and_unload()["layer"].weight.detach()


@only(*(kind for kind in NETWORKS if kind != "loha-dora"))  # PEFT decomposes LoRA alone
def test_peft_makes_the_same_weights(merged):
    kind, file, before, after = merged
    names = kohya_names(before)
    adapters = modules(file)
    chosen = [name for name in adapters if "_0_" in name and not name.startswith(UNUSED)][::5]
    assert len(chosen) > 8
    for name in chosen:
        weight, ours = before[names[name] + ".weight"], after[names[name] + ".weight"]
        theirs = peft_weight(kind, adapters[name], weight)
        assert relative(ours - theirs, theirs) < 1e-6, (kind, name)
        assert relative(ours - theirs, theirs - weight) < 1e-4, (kind, name)


def test_the_file_says_whose_it_is(merged):
    kind, file, _, _ = merged
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    assert metadata["ss_network_module"] == ("networks.lora" if kind == "locon" else "lycoris.kohya")
    arguments = json.loads(metadata["ss_network_args"])
    assert arguments["conv_dim"] == str(NETWORKS[kind]["conv_dim"])
    assert (arguments.get("dora_wd") == "True") == ("dora" in kind)


@only("locon", "loha-dora")  # a kind that acts on the output and one that does not are enough
def test_a_single_file_is_merged_like_the_folder(merged, base, tmp_path):
    """Through sgm's names: q, k and v of the second text encoder as one tensor."""
    _, file, _, after = merged
    whole = tmp_path / "base"
    shutil.copytree(base, whole, ignore=shutil.ignore_patterns("vae"))
    AutoencoderKL(block_out_channels=[8, 16], norm_num_groups=4, latent_channels=8,
                  down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2
                  ).save_pretrained(whole / "vae")
    run("atelier", "model", "convert", whole, tmp_path / "base.safetensors")
    run("atelier", "model", "merge", tmp_path / "base.safetensors", file, "--config", whole,
        "--out", tmp_path / "merged.safetensors", "--dtype", "fp32")
    keys, before = load_file(tmp_path / "merged.safetensors"), load_file(tmp_path / "base.safetensors")
    assert {key: tensor.shape for key, tensor in keys.items()} == {key: tensor.shape for key, tensor in before.items()}
    run("atelier", "model", "convert", tmp_path / "merged.safetensors", tmp_path / "folder", "--config", whole)
    folder = weights(tmp_path / "folder")
    assert set(folder) == set(after)
    assert all(torch.equal(folder[key], tensor) for key, tensor in after.items())

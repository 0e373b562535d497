# labels: integration torch
"""Adapters as a user trains and merges them: exact resume of every kind, a start from a file, what merging refuses."""

import json
import shutil
import sys
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import run  # noqa: E402
from support.tiny import write_run, write_unet_inputs  # noqa: E402

KINDS = {
    "loha": {"algo": "loha", "network_dim": 2, "network_alpha": 2, "conv_dim": 1, "conv_alpha": 1},
    "lokr": {"algo": "lokr", "network_dim": 2, "factor": 4, "conv_dim": 1},
    "dora": {"algo": "dora", "network_dim": 2, "network_train_unet_only": False},
}

MERGED_KINDS = {**KINDS, "lora": {"network_dim": 2},
                "locon": {"algo": "locon", "network_dim": 2, "conv_dim": 1},
                "loha-dora": {"algo": "loha", "network_dim": 2, "conv_dim": 1, "dora_wd": True}}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    run("atelier", "train", write_run(folder, max_train_steps=1))
    return folder / "out" / "tiny"


def adapter_run(folder, base, network, **train):
    yaml = write_run(folder, **{"max_train_steps": 6, "learning_rate": 0.01, "lr_warmup_steps": 0, **train})
    options = json.loads(yaml.read_text())
    options["model"] = {"pretrained_model_name_or_path": str(base)}
    options["network"] = network
    yaml.write_text(json.dumps(options))
    return yaml


@pytest.fixture(scope="module")
def lora(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lora")
    run("atelier", "train", adapter_run(folder, base, {"network_dim": 2, "network_train_unet_only": False}))
    return folder / "out" / "tiny.safetensors"


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_makes_the_same_adapters(base, tmp_path, kind):
    yaml = adapter_run(tmp_path, base, KINDS[kind])
    run("atelier", "train", yaml)
    out = tmp_path / "out"
    whole, losses = load_file(out / "tiny.safetensors"), (out / "metrics.jsonl").read_text().splitlines()
    shutil.rmtree(out / "checkpoints" / "step-00000006")
    (out / "tiny.safetensors").unlink()
    done = run("atelier", "train", yaml, "--resume", "auto")
    assert "resumes after step 3" in done.stderr
    again = load_file(out / "tiny.safetensors")
    assert set(again) == set(whole)
    assert all(np.array_equal(again[key], tensor) for key, tensor in whole.items())
    resumed = (out / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["loss"] for line in resumed] == [json.loads(line)["loss"] for line in losses]
    # Every factor has learned: none is what it was three steps ago.
    before = load_file(out / "checkpoints" / "step-00000003" / "tiny.safetensors")
    assert set(before) == set(whole)
    if kind == "dora":
        moved = {key for key, tensor in whole.items() if not np.array_equal(before[key], tensor)}
        # SDXL never runs encoder 1's last layer: weight decay alone would shrink its magnitudes.
        unused = {key for key in whole if key.startswith("lora_te1_text_model_encoder_layers_1_")}
        assert len(unused) == 6 * 4
        assert moved == {key for key in whole if not key.endswith(".alpha")} - unused


@pytest.mark.parametrize("kind", MERGED_KINDS)
def test_what_was_trained_and_saved_answers_the_same_read_back_and_merged(base, tmp_path, kind):
    run("atelier", "train", adapter_run(tmp_path, base, MERGED_KINDS[kind], max_train_steps=2, learning_rate=0.1))
    file, inputs = tmp_path / "out/tiny.safetensors", write_unet_inputs(tmp_path / "in.safetensors")
    merge(base, file, "--out", tmp_path / "merged")
    answers = []
    for arguments in ([base], [base, "--lora", file], [tmp_path / "merged"]):
        run("atelier", "model", "eval", "unet", *arguments, "--inputs", inputs, "--out", tmp_path / "out.safetensors")
        answers.append(load_file(tmp_path / "out.safetensors")["sample"])
    bare, adapted, merged = answers
    assert np.linalg.norm(adapted - bare) > 1e-3 * np.linalg.norm(bare)
    assert np.linalg.norm(merged - adapted) < 1e-5 * np.linalg.norm(adapted)


def test_network_weights_begin_with_a_files_adapters(base, lora, tmp_path):
    network = {"algo": "lokr", "network_weights": str(lora), "network_train_unet_only": False}
    run("atelier", "train", adapter_run(tmp_path, base, network, max_train_steps=1, learning_rate=1e-9))
    before, after = load_file(lora), load_file(tmp_path / "out" / "tiny.safetensors")
    assert set(before) == set(after)  # LoRA, whatever algo says
    assert all(np.allclose(tensor, after[key], atol=1e-6) for key, tensor in before.items())
    network["network_train_unet_only"] = True
    failed = run("atelier", "train", adapter_run(tmp_path / "unet", base, network), check=False)
    assert failed.returncode == 2 and "network_train_unet_only" in failed.stderr, failed.stderr


def merge(*arguments, check=True):
    return run("atelier", "model", "merge", *arguments, check=check)


def test_a_merge_keeps_the_rest_of_the_folder(base, lora, tmp_path):
    merge(base, lora, "--out", tmp_path / "merged")
    files = {path.relative_to(base): path for path in base.rglob("*") if path.is_file()}
    merged = {path.relative_to(tmp_path / "merged") for path in (tmp_path / "merged").rglob("*") if path.is_file()}
    assert merged == set(files)
    for relative, path in files.items():
        if path.suffix == ".json":
            assert (tmp_path / "merged" / relative).read_bytes() == path.read_bytes()
    with safe_open(tmp_path / "merged" / "unet" / "diffusion_pytorch_model.safetensors", "numpy") as file:
        metadata = file.metadata()
    assert metadata["modelspec.merged_from"] == "tiny, tiny"
    assert json.loads(metadata["atelier.merged"]) == [{"file": "tiny.safetensors", "weight": 1.0}]
    again = merge(base, lora, "--out", tmp_path / "merged", check=False)
    assert again.returncode == 2 and "--overwrite" in again.stderr
    merge(base, lora, "--out", tmp_path / "merged", "--overwrite")


def test_two_half_merges_are_a_whole_one(base, lora, tmp_path):
    merge(base, lora, "--out", tmp_path / "whole")
    merge(base, f"{lora}:0.25", f"{lora}:0.75", "--out", tmp_path / "halves")
    for name in ("unet/diffusion_pytorch_model", "text_encoder_2/model"):
        whole, halves, bare = (load_file(folder / f"{name}.safetensors")
                               for folder in (tmp_path / "whole", tmp_path / "halves", base))
        changed = [key for key in bare if not np.array_equal(bare[key], whole[key])]
        assert len(changed) > 10
        assert all(np.allclose(whole[key], halves[key], atol=1e-6) for key in bare)


def test_a_merge_says_what_it_cannot_use(base, lora, tmp_path):
    tensors = load_file(lora)
    some = next(key for key in tensors if "to_q.lora_up" in key)
    odd = {**tensors, "lora_unet_nowhere.lora_down.weight": np.ones((2, 4), np.float32),
           "lora_unet_nowhere.lora_up.weight": np.ones((4, 2), np.float32),
           "lora_unet_conv_in.diff_b": np.ones(4, np.float32)}
    save_file(odd, tmp_path / "odd.safetensors")
    done = merge(base, tmp_path / "odd.safetensors", "--out", tmp_path / "odd")
    assert "lora_unet_nowhere" in done.stderr and "lora_unet_conv_in.diff_b" in done.stderr

    save_file({**tensors, some: np.full_like(tensors[some], np.nan)}, tmp_path / "nan.safetensors")
    failed = merge(base, tmp_path / "nan.safetensors", "--out", tmp_path / "nan", check=False)
    assert failed.returncode == 2 and f"nan.safetensors: {some}" in failed.stderr and "NaN" in failed.stderr
    save_file({**tensors, some: np.full_like(tensors[some], 1e6)}, tmp_path / "large.safetensors")
    failed = merge(base, tmp_path / "large.safetensors", "--out", tmp_path / "large", "--dtype", "fp16", check=False)
    assert failed.returncode == 2 and "to_q.weight" in failed.stderr and "bf16" in failed.stderr

    wide = {key: np.concatenate([t, t], 1) if key == some.replace("up", "down") else t for key, t in tensors.items()}
    save_file(wide, tmp_path / "wide.safetensors")
    failed = merge(base, tmp_path / "wide.safetensors", "--out", tmp_path / "wide", check=False)
    assert failed.returncode == 2 and some.split(".")[0] in failed.stderr

    block = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
    save_file({f"{block}.lora_down.weight": np.ones((4, 768), np.float32),
               f"{block}.lora_up.weight": np.ones((640, 4), np.float32)}, tmp_path / "sd1.safetensors")
    failed = merge(base, tmp_path / "sd1.safetensors", "--out", tmp_path / "sd1", check=False)
    assert failed.returncode == 2 and "Stable Diffusion 1" in failed.stderr
    # Nothing half-made is left.
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["odd"]
    assert not list(tmp_path.glob("*tmp*"))


def test_the_result_has_the_layout_of_the_base(base, lora, tmp_path):
    failed = merge(base, lora, "--out", tmp_path / "merged.safetensors", check=False)
    assert failed.returncode == 2 and "convert" in failed.stderr
    failed = merge(base, lora, "--out", base, check=False)
    assert failed.returncode == 2 and "take the place" in failed.stderr


def test_a_merged_model_draws_like_the_adapted_one(base, lora, tmp_path):
    merge(base, lora, "--out", tmp_path / "merged")
    models = {"bare": (base,), "adapted": (base, "--lora", lora), "merged": (tmp_path / "merged",)}
    for name, arguments in models.items():
        run("atelier", "sample", *arguments, "--prompt", "1girl, red disc", "--steps", 4, "--width", 64, "--height", 64,
            "--seed", 3, "--out", tmp_path / f"{name}.png")
    bare, adapted, merged = (np.asarray(Image.open(tmp_path / f"{name}.png")).astype(int)
                             for name in ("bare", "adapted", "merged"))
    assert abs(adapted - bare).mean() > 1
    assert abs(merged - adapted).max() <= 1

# labels: integration torch
"""Where `model` verbs write: a name does not cost a user what stands there, however it is given."""

import shutil
import sys
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("diffusers")
from safetensors.numpy import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import run  # noqa: E402
from support.tiny_sdxl import make_pipeline  # noqa: E402

UNET_FILE = "unet/diffusion_pytorch_model.safetensors"
MODULE = "lora_unet_output_blocks_0_1_transformer_blocks_1_attn1_to_out_0"
MERGED = "up_blocks.0.attentions.0.transformer_blocks.1.attn1.to_out.0.weight"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with "base" (a pipeline), "base.safetensors" and "lora.safetensors"."""
    folder = tmp_path_factory.mktemp("made")
    make_pipeline(folder / "base", vocabulary=49408)
    run("atelier", "model", "convert", folder / "base", folder / "base.safetensors", "--dtype", "fp16")
    rng = np.random.default_rng(0)
    save_file({f"{MODULE}.{side}.weight": rng.standard_normal(shape).astype(np.float32)
               for side, shape in {"lora_down": (2, 128), "lora_up": (128, 2)}.items()}, folder / "lora.safetensors")
    return folder


def refused(*arguments):
    result = run("atelier", *arguments, check=False)
    assert result.returncode == 2 and result.stderr.count("error:") == 1, result.stderr
    return result.stderr


def test_overwrite_removes_no_folder_but_a_model(made, tmp_path):
    shutil.copy(made / "base.safetensors", tmp_path / "a.safetensors")
    (tmp_path / "notes.txt").write_text("mine")
    assert "would be lost" in refused("model", "convert", tmp_path / "a.safetensors", tmp_path, "--overwrite")
    assert "would be lost" in refused("model", "merge", made / "base", made / "lora.safetensors",
                                      "--out", tmp_path, "--overwrite")
    assert {path.name for path in tmp_path.iterdir()} == {"a.safetensors", "notes.txt"}


def test_a_result_takes_the_place_of_nothing_that_it_is_made_of(made, tmp_path):
    base, lora = tmp_path / "base.safetensors", tmp_path / "lora.safetensors"
    shutil.copy(made / base.name, base)
    shutil.copy(made / lora.name, lora)
    shutil.copytree(made / "base", tmp_path / "folder")
    before = base.read_bytes(), lora.read_bytes()
    for verb in (["merge", base, lora, "--out", base], ["merge", base, lora, "--out", lora],
                 ["extract-lora", base, made / "base", base], ["extract-lora", made / "base", base, base],
                 ["resize-lora", lora, lora, "--rank", "1"],
                 ["convert", tmp_path / "folder" / UNET_FILE, tmp_path / "folder"]):
        assert "take the place of" in refused("model", *verb, "--overwrite")
    assert (base.read_bytes(), lora.read_bytes()) == before
    inside = tmp_path / "folder/merged"
    assert "within the model" in refused("model", "merge", tmp_path / "folder", lora, "--out", inside)


def test_verbs_that_replace_without_asking_replace_nothing_that_they_read(made, tmp_path):
    base, lora, inputs = (tmp_path / f"{name}.safetensors" for name in ("base", "lora", "inputs"))
    shutil.copy(made / base.name, base)
    shutil.copy(made / lora.name, lora)
    shutil.copytree(made / "base", tmp_path / "folder")
    save_file({"input_ids": np.zeros((1, 4), np.int64)}, inputs)
    kept = base, lora, inputs, tmp_path / "folder" / UNET_FILE
    before = [path.read_bytes() for path in kept]
    encoder = ["eval", "text-encoder", base, "--inputs", inputs, "--lora", lora]
    for verb in (["model", "encode", base, "--prompt", "x", "--out", base],
                 ["model", "encode", tmp_path / "folder", "--prompt", "x", "--out", tmp_path / "folder" / UNET_FILE],
                 ["model", *encoder, "--out", base], ["model", *encoder, "--out", inputs], ["model", *encoder, "--out", lora],
                 ["sample", base, "--prompt", "x", "--out", tmp_path / "x.png", "--latents-out", base],
                 ["model", "merge", tmp_path / "folder", lora, "--overwrite", "--out", tmp_path / "folder" / UNET_FILE]):
        assert "take the place of" in refused(*verb)
    assert [path.read_bytes() for path in kept] == before


def test_the_place_is_looked_at_before_the_model(made, tmp_path):
    absent, out = tmp_path / "absent.safetensors", tmp_path / "no/x.safetensors"
    for verb in (["model", "encode", absent, "--prompt", "x"], ["model", "eval", "unet", absent, "--inputs", absent]):
        assert "make it first" in refused(*verb, "--out", out)
        assert "is a folder" in refused(*verb, "--out", tmp_path)


def test_encoding_needs_nothing_but_the_text_encoders(made, tmp_path):
    shutil.copytree(made / "base", tmp_path / "encoders", ignore=shutil.ignore_patterns("unet", "vae"))
    for model in (made / "base", tmp_path / "encoders"):
        run("atelier", "model", "encode", model, "--prompt", "1girl", "--out", tmp_path / f"{model.name}.safetensors")
    whole, alone = (load_file(tmp_path / f"{name}.safetensors") for name in ("base", "encoders"))
    assert whole.keys() == alone.keys() and all((whole[name] == alone[name]).all() for name in whole)
    shutil.rmtree(tmp_path / "encoders/text_encoder")
    shutil.rmtree(tmp_path / "encoders/text_encoder_2")
    assert "text encoder" in refused("model", "encode", tmp_path / "encoders", "--prompt", "x", "--out", tmp_path / "x")


def test_a_folder_may_be_named_with_a_slash(made, tmp_path):
    run("atelier", "model", "convert", made / "base.safetensors", f"{tmp_path}/a/", "--dtype", "fp16")
    run("atelier", "model", "convert", f"{tmp_path}/a/", f"{tmp_path}/a/", "--overwrite", "--dtype", "bf16")
    run("atelier", "model", "merge", f"{tmp_path}/a/", made / "lora.safetensors", "--out", f"{tmp_path}/b/")
    assert (tmp_path / "b" / UNET_FILE).exists() and {path.name for path in tmp_path.iterdir()} == {"a", "b"}


def test_a_folder_of_links_merges(made, tmp_path):
    """A hub's cache holds links to files elsewhere; a part may itself be a link."""
    linked = tmp_path / "snapshot"
    (linked / "unet").mkdir(parents=True)
    for path in (made / "base").iterdir():
        if path.name != "unet":
            (linked / path.name).symlink_to(path)
    for path in (made / "base/unet").iterdir():
        (linked / "unet" / path.name).symlink_to(path)
    run("atelier", "model", "merge", linked, made / "lora.safetensors", "--out", tmp_path / "merged")
    assert {path.name for path in tmp_path.iterdir()} == {"snapshot", "merged"}
    files = {str(path.relative_to(made / "base")) for path in (made / "base").rglob("*") if path.is_file()}
    merged = [path for path in (tmp_path / "merged").rglob("*") if path.is_file()]
    assert {str(path.relative_to(tmp_path / "merged")) for path in merged} == files
    assert not any(path.is_symlink() for path in merged)
    lora = load_file(made / "lora.safetensors")
    delta = lora[f"{MODULE}.lora_up.weight"] @ lora[f"{MODULE}.lora_down.weight"]
    wanted = load_file(made / "base" / UNET_FILE)[MERGED] + delta
    np.testing.assert_allclose(load_file(tmp_path / "merged" / UNET_FILE)[MERGED], wanted, rtol=1e-5, atol=1e-5)


def test_names_that_cannot_be_meant(made, tmp_path):
    base, lora = made / "base.safetensors", made / "lora.safetensors"
    assert "make it first" in refused("model", "convert", base, tmp_path / "no/x.safetensors", "--dtype", "fp32")
    assert "make it first" in refused("model", "resize-lora", lora, tmp_path / "no/x.safetensors", "--rank", "1")
    assert "no such folder" in refused("model", "convert", base, tmp_path / "x", "--config", tmp_path / "no")
    assert "configurations" in refused("model", "convert", base, tmp_path / "x", "--config", tmp_path)
    extract = ["model", "extract-lora", made / "base", base, tmp_path / "x.safetensors"]
    assert "0.5..1" in refused(*extract, "--clamp-quantile", "nan") and "0..1000" in refused(*extract, "--min-diff", "nan")
    assert "finite" in refused("model", "merge", base, f"{lora}:nan", "--out", tmp_path / "x.safetensors")
    assert "has no name" in refused("model", "convert", base, "")
    assert "has no name" in refused("sample", base, "--prompt", "x", "--out", "")
    assert "whole diffusers pipeline" in refused("model", "convert", made / "base/unet", tmp_path / "x")
    assert "PNG alone" in refused("sample", base, "--prompt", "x", "--out", tmp_path / "x.jpg")
    assert not list(tmp_path.iterdir())

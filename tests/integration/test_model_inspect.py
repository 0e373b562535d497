# labels: integration
"""`model inspect` on files of every kind, as a user runs it."""

import hashlib
import json
import struct
import sys
from pathlib import Path

import numpy
import pytest
from safetensors.numpy import save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import run  # noqa: E402


def inspect(path, *args, check=True):
    return run("atelier", "model", "inspect", path, *args, check=check)


def as_json(path, *args):
    return json.loads(inspect(path, "--json", *args).stdout)


def tensors(*names, dtype=numpy.float16):
    return {name: numpy.zeros((4, 6), dtype) for name in names}


KINDS = {
    "sdxl-checkpoint": ["model.diffusion_model.input_blocks.0.0.weight", "first_stage_model.decoder.conv_in.weight",
                        "conditioner.embedders.0.transformer.text_model.x",
                        "conditioner.embedders.1.model.ln_final.weight"],
    "sd-checkpoint": ["model.diffusion_model.input_blocks.0.0.weight", "cond_stage_model.transformer.text_model.x"],
    "lora": ["lora_unet_input_blocks_4_1_proj_in.lora_down.weight",
             "lora_unet_input_blocks_4_1_proj_in.lora_up.weight"],
    "loha": ["lora_unet_input_blocks_4_1_proj_in.hada_w1_a"],
    "unet": ["down_blocks.0.resnets.0.conv1.weight", "time_embedding.linear_1.weight"],
    "vae": ["decoder.up_blocks.0.resnets.0.conv1.weight", "post_quant_conv.weight"],
    "text-encoder": ["text_model.embeddings.token_embedding.weight"],
    "text-encoder-2": ["text_model.embeddings.token_embedding.weight", "text_projection.weight"],
    "unknown": ["rain", "sun"],
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_kinds_are_told_from_names(kind, tmp_path):
    save_file(tensors(*KINDS[kind]), tmp_path / "m.safetensors", metadata={"ss_network_dim": "4", "title": "ü"})
    found = as_json(tmp_path / "m.safetensors")
    assert found["kind"] == kind and found["path"] == str(tmp_path / "m.safetensors")
    (file,) = found["files"]
    assert file["tensors"] == len(KINDS[kind]) and file["parameters"] == 24 * len(KINDS[kind])
    assert file["dtypes"] == {"F16": len(KINDS[kind])} and file["bytes"] == (tmp_path / "m.safetensors").stat().st_size
    assert file["metadata"] == {"ss_network_dim": "4", "title": "ü"}
    assert file.get("adapter", {}).get("ranks") == {"lora": {"4": 1}, "loha": {"6": 1}}.get(kind)
    assert "sha256" not in file and "tensor_list" not in file


def test_hash_and_tensor_list_on_request(tmp_path):
    path = tmp_path / "m.safetensors"
    save_file(tensors("a") | tensors("b", dtype=numpy.int64), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (file,) = as_json(path, "--hash", "--tensors")["files"]
    assert file["sha256"] == digest and file["short_hash"] == digest[:10]
    listed = sorted((t["name"], t["dtype"], t["shape"]) for t in file["tensor_list"])
    assert listed == [("a", "F16", [4, 6]), ("b", "I64", [4, 6])]
    table = inspect(path, "--hash", "--tensors").stdout
    assert digest[:10] in table and "F16   a [4, 6]" in table


def test_a_pipeline_folder_lists_its_parts(tmp_path):
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline"}')
    for part, class_name in {"unet": "UNet2DConditionModel", "text_encoder": "CLIPTextModel"}.items():
        (tmp_path / part).mkdir()
        key = "_class_name" if part == "unet" else "architectures"
        (tmp_path / part / "config.json").write_text(json.dumps({key: class_name if part == "unet" else [class_name]}))
        save_file(tensors(*KINDS["unet" if part == "unet" else "text-encoder"]), tmp_path / part / "model.safetensors")
    found = as_json(tmp_path)
    assert (found["kind"], found["class"]) == ("pipeline", "StableDiffusionXLPipeline")
    assert found["components"] == {"unet": "UNet2DConditionModel", "text_encoder": "CLIPTextModel"}
    assert [(f["file"], f["kind"]) for f in found["files"]] == [("text_encoder/model.safetensors", "text-encoder"),
                                                               ("unet/model.safetensors", "unet")]
    assert as_json(tmp_path / "unet")["kind"] == "component"


def test_the_table_is_at_most_80_columns(tmp_path):
    save_file(tensors(*KINDS["lora"]), tmp_path / "m.safetensors", metadata={"ss_tag_frequency": "ü" * 500})
    table = inspect(tmp_path / "m.safetensors").stdout
    assert "LoRA (kohya)" in table and max(map(len, table.splitlines())) <= 80


@pytest.mark.parametrize("content, told", [
    (None, "no such file"),
    (b"", ""),
    (b"abc", ""),
    (struct.pack("<Q", 10**9) + b"{}", ""),
    (struct.pack("<Q", 2) + b"no", ""),
])
def test_what_is_no_model_is_the_users_error(content, told, tmp_path):
    path = tmp_path / "m.safetensors"
    if content is not None:
        path.write_bytes(content)
    result = inspect(path, check=False)
    assert result.returncode == 2 and result.stderr.startswith("error: ") and "m.safetensors" in result.stderr
    assert told in result.stderr and result.stdout == ""


def test_an_empty_folder_is_told(tmp_path):
    result = inspect(tmp_path, check=False)
    assert result.returncode == 2 and str(tmp_path) in result.stderr


def test_control_characters_of_metadata_stay_off_the_terminal(tmp_path):
    save_file(tensors(*KINDS["lora"]), tmp_path / "m.safetensors", metadata={"title": "red\x1b[31m\nsecond line"})
    shown = inspect(tmp_path / "m.safetensors").stdout
    assert "\x1b" not in shown and "title = red [31m second line" in shown
    assert as_json(tmp_path / "m.safetensors")["files"][0]["metadata"]["title"] == "red\x1b[31m\nsecond line"

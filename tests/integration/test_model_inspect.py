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


def test_the_hash_of_a_lora_is_that_of_its_data(tmp_path):
    path = tmp_path / "m.safetensors"
    save_file(tensors(*KINDS["lora"]), path)
    content = path.read_bytes()
    data = hashlib.sha256(content[8 + struct.unpack("<Q", content[:8])[0]:]).hexdigest()
    (file,) = as_json(path, "--hash")["files"]
    assert (file["data_sha256"], file["short_data_hash"]) == (data, data[:12]) and "metadata_hash_is_right" not in file
    for said, right in {data: True, "0x" + data: True, "00": False}.items():
        key = "modelspec.hash_sha256" if said.startswith("0x") else "sshs_model_hash"
        save_file(tensors(*KINDS["lora"]), path, metadata={key: said})
        assert as_json(path, "--hash")["files"][0]["metadata_hash_is_right"] is right


def test_the_parts_of_a_checkpoint_and_its_markers(tmp_path):
    path = tmp_path / "m.safetensors"
    sizes = {"unet": 1, "vae": 2, "text_encoder": 3, "text_encoder_2": 4}
    names = dict(zip(sizes, KINDS["sdxl-checkpoint"]))
    stored = {name: numpy.zeros((sizes[part], 5), numpy.float16) for part, name in names.items()}
    save_file(stored | {"v_pred": numpy.zeros(0, numpy.float16), "ztsnr": numpy.zeros(0, numpy.float16)}, path)
    (file,) = as_json(path)["files"]
    assert file["components"] == {part: {"tensors": 1, "parameters": 5 * size} for part, size in sizes.items()}
    assert (file["model"], file["prediction_type"], file["zero_terminal_snr"]) == ("sdxl", "v_prediction", True)
    assert "v_prediction, zero terminal SNR" in inspect(path).stdout
    save_file(stored, path)
    assert "prediction_type" not in as_json(path)["files"][0]


ADAPTERS = {  # tensors of one module -> algorithm, ranks
    "lora": ({"lora_down.weight": (4, 8), "lora_up.weight": (8, 4)}, {"4": 1}),
    "locon": ({"lora_down.weight": (2, 8, 3, 3), "lora_up.weight": (8, 2, 1, 1)}, {"2": 1}),
    "loha": ({"hada_w1_a": (8, 3), "hada_w1_b": (3, 8), "hada_w2_a": (8, 3), "hada_w2_b": (3, 8)}, {"3": 1}),
    "lokr": ({"lokr_w1": (2, 2), "lokr_w2_a": (4, 5), "lokr_w2_b": (5, 4)}, {"5": 1}),
    "dora": ({"lora_down.weight": (4, 8), "lora_up.weight": (8, 4), "dora_scale": (8, 1)}, {"4": 1}),
    "oft": ({"oft_blocks": (2, 4, 4)}, {}),
}


def test_a_folder_of_links_is_told_by_its_own_names(tmp_path):
    """A hub's cache holds links to files elsewhere; a part may itself be a link."""
    blobs, linked = tmp_path / "blobs", tmp_path / "snapshot"
    (blobs / "vae").mkdir(parents=True)
    (linked / "unet").mkdir(parents=True)
    save_file(tensors(*KINDS["unet"]), blobs / "0123abcd")
    save_file(tensors(*KINDS["vae"]), blobs / "vae/diffusion_pytorch_model.safetensors")
    (linked / "unet/diffusion_pytorch_model.safetensors").symlink_to("../../blobs/0123abcd")
    (linked / "vae").symlink_to(blobs / "vae")
    (linked / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline"}')
    for path in (linked, f"{linked}/"):
        found = as_json(path)
        assert {file["file"]: file["kind"] for file in found["files"]} == {
            f"{part}/diffusion_pytorch_model.safetensors": part for part in ("unet", "vae")}
        assert found["parameters"] == 24 * 4


@pytest.mark.parametrize("algorithm", list(ADAPTERS))
@pytest.mark.parametrize("dtype", [numpy.float16, numpy.float32])
def test_adapters_of_every_kind(algorithm, dtype, tmp_path):
    shapes, ranks = ADAPTERS[algorithm]
    module = "lora_unet_middle_block_1_proj_in"
    stored = {f"{module}.{name}": numpy.zeros(shape, dtype) for name, shape in shapes.items()}
    save_file(stored | {f"{module}.alpha": numpy.array(2.5, dtype)}, tmp_path / "m.safetensors")
    (file,) = as_json(tmp_path / "m.safetensors")["files"]
    adapter = file["adapter"]
    assert (file["kind"], adapter["algorithm"], file["model"]) == (algorithm, algorithm, "sdxl")
    assert (adapter["modules"], adapter["components"]) == (1, {"unet": 1})
    assert (adapter["ranks"], adapter["alphas"]) == (ranks, {"2.5": 1})


def test_the_model_of_an_adapter_may_be_in_its_metadata_alone(tmp_path):
    names = ["lora_unet_middle_proj.lora_down.weight", "lora_unet_middle_proj.lora_up.weight"]
    for said, model in {"sdxl_base_v1-0": "sdxl", "sd_v1": "sd1", "flux1": "flux", "unheard of": None}.items():
        save_file(tensors(*names), tmp_path / "m.safetensors", metadata={"ss_base_model_version": said})
        assert as_json(tmp_path / "m.safetensors")["files"][0]["model"] == model


@pytest.mark.parametrize("dtype,patterns", [
    ("F64", ["<d", 8]), ("F32", ["<f", 4]), ("F16", ["<e", 2]),
    ("BF16", [{"nan": b"\xc0\x7f", "inf": b"\x80\x7f", "-inf": b"\x80\xff", "max": b"\x7f\x7f"}, 2]),
    ("F8_E5M2", [{"nan": b"\x7d", "inf": b"\x7c", "-inf": b"\xfc", "max": b"\x7b"}, 1]),
    ("F8_E4M3", [{"nan": b"\x7f", "inf": b"\xff", "-inf": b"\x7f", "max": b"\x7e"}, 1]),
    ("I32", [{"nan": b"\xff" * 4, "inf": b"\0\0\x80\x7f", "-inf": b"\0\0\x80\xff", "max": b"\x7f" * 4}, 4]),
])
def test_numbers_that_are_none_are_found(dtype, patterns, tmp_path):
    form, size = patterns
    largest = {"<d": 1.7e308, "<f": 3.4e38, "<e": 65504.0}
    code = form if isinstance(form, dict) else {
        word: struct.pack(form, value) for word, value in
        {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf"), "max": largest[form]}.items()}
    sound = code["max"] * 40
    faulty = code["max"] * 7 + code["nan"] + code["inf"] + code["max"] * 20 + code["-inf"]
    header, data = {}, b""
    for name, content in {"sound": sound, "faulty": faulty}.items():
        offsets = [len(data), len(data) + len(content)]
        header[name] = {"dtype": dtype, "shape": [len(content) // size], "data_offsets": offsets}
        data += content
    text = json.dumps(header).encode()
    (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    result = inspect(tmp_path / "m.safetensors", "--check", "--json", check=False)
    # E4M3 has no infinities: those bits are NaN too; integers have neither.
    wanted = {"F8_E4M3": (3, 0), "I32": None}.get(dtype, (1, 2))
    faults = json.loads(result.stdout)["files"][0]["faults"]
    assert faults == ([] if wanted is None else [{"name": "faulty", "nan": wanted[0], "infinite": wanted[1]}])
    assert result.returncode == (0 if wanted is None else 2) and ("faulty" in result.stderr) == (wanted is not None)


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


def test_shards_that_nobody_has_are_told(tmp_path):
    save_file(tensors(*KINDS["unet"]), tmp_path / "model-00001-of-00002.safetensors")
    (tmp_path / "config.json").write_text('{"_class_name": "UNet2DConditionModel"}')
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    result = inspect(tmp_path, check=False)
    assert result.returncode == 2 and "model-00002-of-00002.safetensors" in result.stderr
    save_file(tensors("more"), tmp_path / "model-00002-of-00002.safetensors")
    found = as_json(tmp_path)
    assert len(found["files"]) == 2 and found["parameters"] == 24 * 3


def test_an_empty_folder_is_told(tmp_path):
    result = inspect(tmp_path, check=False)
    assert result.returncode == 2 and str(tmp_path) in result.stderr


def test_control_characters_of_metadata_stay_off_the_terminal(tmp_path):
    save_file(tensors(*KINDS["lora"]), tmp_path / "m.safetensors", metadata={"title": "red\x1b[31m\nsecond line"})
    shown = inspect(tmp_path / "m.safetensors").stdout
    assert "\x1b" not in shown and "title = red [31m second line" in shown
    assert as_json(tmp_path / "m.safetensors")["files"][0]["metadata"]["title"] == "red\x1b[31m\nsecond line"


def test_adapters_of_odd_shapes_are_no_trouble(tmp_path):
    names = ["lora_down.weight", "hada_w1_a", "lokr_w1", "lokr_w1_b", "lokr_w2_b", "oft_blocks", "diff", "alpha"]
    for shape in ((), (0,), (3,), (0, 0)):
        stored = {f"lora_te_x.{name}": numpy.zeros(shape, numpy.float32) for name in names}
        save_file(stored, tmp_path / "m.safetensors")
        assert as_json(tmp_path / "m.safetensors")["files"][0]["adapter"]["modules"] == 6

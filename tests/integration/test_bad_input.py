# labels: integration torch
"""Weight files that are broken, or are something else, as a user gives them to every program that reads one: one clear error
that names the file and the tensor, exit code 2, nothing written, never a crash."""

import json
import resource
import shutil
import struct
import sys
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
from safetensors.numpy import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import run  # noqa: E402
from support.tiny import write_run, write_unet_inputs  # noqa: E402

UNET_FILE = "unet/diffusion_pytorch_model.safetensors"
GIB = 2**30


def entry(begin, end, shape=(4,), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def container(header, data, claimed_length=None):
    """The bytes of a safetensors file, right or wrong."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if claimed_length is None else claimed_length) + text + data


BROKEN = {  # the file's bytes, and what the error must say beside the file's name
    "empty": (b"", ["safetensors"]),
    "no_json": (struct.pack("<Q", 4) + b"{,,}", ["JSON"]),
    "header_of_100_GB": (container({"weight": entry(0, 16)}, bytes(16), 100 * GIB), ["100.0 GiB"]),
    "cut_short": (container({"whole": entry(0, 16), "half": entry(16, 32)}, bytes(24)), ["half", "cut short"]),
    "outside": (container({"inside": entry(0, 16), "beyond": entry(2**62, 2**62 + 16)}, bytes(32)), ["beyond"]),
    "overlap": (container({"first": entry(0, 16), "second": entry(8, 24)}, bytes(24)), ["second", "overlap"]),
    "gap": (container({"first": entry(0, 16), "second": entry(24, 40)}, bytes(40)), ["second", "gap"]),
    "overflow": (container({"vast": entry(0, 16, [2**40, 2**40])}, bytes(16)), ["vast", "overflow"]),
    "dtype": (container({"odd": entry(0, 16, dtype="F12")}, bytes(16)), ["odd", "F12"]),
    "gguf": (b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + bytes(64), ["GGUF"]),
    "pickle": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", ["pickle", "torch.load"]),
}


def refused(verb, *arguments, says, **options):
    """The message of a program that ends with one error block which holds `says`."""
    result = run("atelier", *verb.split(), *arguments, check=False, timeout=120, **options)
    assert result.returncode == 2, (result.returncode, result.stderr)
    assert result.stdout == "" and result.stderr.count("error:") == 1, result.stderr
    for words in says:
        assert words in result.stderr, (words, result.stderr)
    return result.stderr


def little_memory():
    resource.setrlimit(resource.RLIMIT_AS, (GIB // 2, GIB // 2))


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_file_is_refused_by_name(fault, tmp_path):
    content, says = BROKEN[fault]
    path = tmp_path / f"{fault}.safetensors"
    path.write_bytes(content)
    says = [path.name, *says]
    refused("model inspect", path, says=says, preexec_fn=little_memory)
    refused("model convert", path, tmp_path / "out.safetensors", says=says)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_header_that_is_really_100_GB_is_not_read(tmp_path):
    path = tmp_path / "vast.safetensors"
    path.write_bytes(struct.pack("<Q", 100 * GIB))
    with path.open("r+b") as file:
        file.truncate(101 * GIB)  # sparse
    try:
        refused("model inspect", path, says=[path.name, "100.0 GiB"])
    finally:
        path.unlink()


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A tiny SDXL pipeline, as a run leaves it."""
    folder = tmp_path_factory.mktemp("base")
    run("atelier", "train", write_run(folder, max_train_steps=1))
    return folder / "out" / "tiny"


@pytest.fixture
def model(base, tmp_path):
    return Path(shutil.copytree(base, tmp_path / "model"))


def readers(model, tmp_path):
    """Every way to have a program read the model's UNet."""
    return {
        "sample": [model, "--prompt", "x", "--steps", "1", "--out", tmp_path / "x.png"],
        "model eval unet": [model / "unet", "--inputs", write_unet_inputs(tmp_path / "inputs.safetensors"), "--out", tmp_path / "x.safetensors"],
        "model merge": [model, adapter(tmp_path, {}), "--out", tmp_path / "merged"],
        "train": [trained_from(model, tmp_path)],
    }


def adapter(tmp_path, tensors):
    """A LoRA of one of the tiny model's linear layers, 32 -> 32, with `tensors` in place of its own."""
    name = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q"
    own = {f"{name}.lora_down.weight": np.ones((2, 32), np.float32), f"{name}.lora_up.weight": np.ones((32, 2), np.float32),
           f"{name}.alpha": np.array(1, np.float32)}
    save_file({**own, **tensors}, tmp_path / "adapter.safetensors")
    return tmp_path / "adapter.safetensors"


def trained_from(model, tmp_path):
    yaml = write_run(tmp_path / "run", max_train_steps=1)
    options = json.loads(yaml.read_text())
    options["model"] = {"pretrained_model_name_or_path": str(model)}
    yaml.write_text(json.dumps(options))
    return yaml


def test_every_reader_refuses_a_truncated_model(model, tmp_path):
    file = model / UNET_FILE
    file.write_bytes(file.read_bytes()[:-1000])
    for verb, arguments in readers(model, tmp_path).items():
        refused(verb, *arguments, says=[file.name, "cut short"])


def change(file, name, values):
    tensors = load_file(file)
    tensors[name] = values(tensors[name])
    save_file(tensors, file)


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_every_reader_refuses_a_tensor_that_holds_no_numbers(value, model, tmp_path):
    def spoil(values):
        values.reshape(-1)[5] = value
        return values

    name = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.weight"
    change(model / UNET_FILE, name, spoil)
    for verb, arguments in readers(model, tmp_path).items():
        refused(verb, *arguments, says=[name, "NaN or infinite", str(model)])


def test_a_configuration_of_another_model_is_told_with_the_tensors(model, tmp_path):
    config = json.loads((model / "unet/config.json").read_text())
    config["transformer_layers_per_block"] = [1, 2]
    (model / "unet/config.json").write_text(json.dumps(config))
    missing = "down_blocks.1.attentions.0.transformer_blocks.1.attn1.to_k.weight"
    for verb in ("sample", "model eval unet", "train"):
        refused(verb, *readers(model, tmp_path)[verb], says=[str(model), "missing", missing, "configuration"])
    change(model / UNET_FILE, "conv_in.weight", lambda values: values[:, :4].copy())
    refused("sample", *readers(model, tmp_path)["sample"], says=["conv_in.weight", "[16, 4, 3, 3]", "[16, 8, 3, 3]"])


SD1 = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"


def test_a_lora_for_sd1_is_called_by_its_name(model, tmp_path):
    path = tmp_path / "sd1.safetensors"
    save_file({f"{SD1}.lora_down.weight": np.ones((4, 768), np.float32),
               f"{SD1}.lora_up.weight": np.ones((320, 4), np.float32)}, path)
    says = [path.name, "Stable Diffusion 1"]
    refused("sample", model, "--prompt", "x", "--lora", path, "--out", tmp_path / "x.png", says=says)
    refused("model merge", model, path, "--out", tmp_path / "merged", says=says)
    refused("model eval unet", model, "--lora", path, "--inputs", write_unet_inputs(tmp_path / "inputs.safetensors"), "--out", tmp_path / "x.safetensors",
            says=says)


def test_a_lora_that_does_not_fit_names_its_module(model, tmp_path):
    name = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q"
    path = adapter(tmp_path, {f"{name}.lora_down.weight": np.ones((2, 48), np.float32)})
    for verb, arguments in {"sample": [model, "--prompt", "x", "--lora", path, "--out", tmp_path / "x.png"],
                            "model merge": [model, path, "--out", tmp_path / "merged"]}.items():
        refused(verb, *arguments, says=[path.name, name])


def test_a_flux_checkpoint_is_called_by_its_name(tmp_path):
    path = tmp_path / "flux.safetensors"
    save_file({"double_blocks.0.img_attn.norm.key_norm.scale": np.ones(4, np.float32),
               "double_blocks.0.img_attn.qkv.weight": np.ones((12, 4), np.float32)}, path)
    assert "Flux" in run("atelier", "model", "inspect", path).stdout
    for verb, arguments in {"sample": ["--prompt", "x"], "model convert": [tmp_path / "out"],
                            "model eval unet": ["--inputs", write_unet_inputs(tmp_path / "inputs.safetensors"), "--out", tmp_path / "x.safetensors"]}.items():
        refused(verb, path, *arguments, says=[path.name, "Flux"])


@pytest.mark.parametrize("verb", ["model inspect", "sample", "model convert", "model merge", "model eval unet"])
def test_what_is_not_there_is_said(verb, tmp_path):
    arguments = {"sample": ["--prompt", "x"], "model convert": [tmp_path / "out"],
                 "model merge": [adapter(tmp_path, {}), "--out", tmp_path / "out.safetensors"],
                 "model eval unet": ["--inputs", write_unet_inputs(tmp_path / "inputs.safetensors"), "--out", tmp_path / "x.safetensors"]}.get(verb, [])
    refused(verb, tmp_path / "nowhere.safetensors", *arguments, says=["nowhere.safetensors", "no such"])
    if verb == "model merge":
        arguments[-1] = tmp_path / "out"  # the layout of the base
    (tmp_path / "folder").mkdir()
    refused(verb, tmp_path / "folder", *arguments, says=[str(tmp_path / "folder")])

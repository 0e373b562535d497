# labels: integration parity torch
"""`model convert` and single files against diffusers, transformers and plain torch, on a tiny pipeline of random weights."""

import json
import shutil
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from support.clip_peer import file_name  # noqa: E402
from support.programs import run  # noqa: E402
from support.tiny_sdxl import make_pipeline  # noqa: E402

DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
CLIP_G = "conditioner.embedders.1.model."
PARTS = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model", "text_encoder_2": "model"}


def convert(source, out, *arguments, **options):
    return run("atelier", "model", "convert", source, out, *arguments, **options)


def metadata(path):
    with safe_open(path, "pt") as file:
        return file.metadata()


def same_bits(a, b):
    assert a.keys() == b.keys()
    different = [name for name in a if a[name].dtype != b[name].dtype or a[name].shape != b[name].shape
                 or a[name].reshape(-1).view(torch.uint8).ne(b[name].reshape(-1).view(torch.uint8)).any()]
    assert not different, different[:5]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder with the pipeline as `made`, its `tiny.safetensors`, and that as a folder again, `back`; and its modules."""
    folder = tmp_path_factory.mktemp("tiny")
    parts = make_pipeline(folder / "made")
    convert(folder / "made", folder / "tiny.safetensors")
    convert(folder / "tiny.safetensors", folder / "back")
    return folder, parts


@pytest.mark.parametrize("dtype", DTYPES)
def test_there_and_back_is_bit_for_bit(tiny, tmp_path, dtype):
    folder, parts = tiny
    convert(folder / "made", tmp_path / "a.safetensors", "--dtype", dtype)
    convert(tmp_path / "a.safetensors", tmp_path / "folder")
    convert(tmp_path / "folder", tmp_path / "b.safetensors")
    first = load_file(tmp_path / "a.safetensors")
    same_bits(first, load_file(tmp_path / "b.safetensors"))
    assert {tensor.dtype for tensor in first.values()} == {DTYPES[dtype], torch.int64}
    for name, file in PARTS.items():
        wanted = {file_name(key) if name.startswith("text") else key: tensor.to(DTYPES[dtype])
                  for key, tensor in parts[name].state_dict().items() if not key.endswith("position_ids")}
        same_bits(load_file(tmp_path / "folder" / name / f"{file}.safetensors"), wanted)


def test_diffusers_reads_the_single_file(tiny):
    from diffusers import StableDiffusionXLPipeline
    folder, parts = tiny
    loaded = StableDiffusionXLPipeline.from_single_file(str(folder / "tiny.safetensors"), config=str(folder / "back"))
    for name, part in parts.items():
        theirs = getattr(loaded, name).state_dict()
        for key, tensor in part.state_dict().items():
            assert torch.equal(theirs[key], tensor), f"{name} {key}"


def test_diffusers_reads_the_folder(tiny):
    from diffusers import StableDiffusionXLPipeline
    folder, parts = tiny
    loaded = StableDiffusionXLPipeline.from_pretrained(folder / "back")
    for name, part in parts.items():
        same_bits(getattr(loaded, name).state_dict(), part.state_dict())
    texts = ["1girl, solo, blue_eyes", "Straße, 東京 :)", "a" * 50]
    ours = run("atelier", "model", "tokenize", "-", "--encoder", "1", input="\n".join(texts) + "\n").stdout.splitlines()
    assert [json.loads(line) for line in ours] == loaded.tokenizer(texts)["input_ids"] == loaded.tokenizer_2(texts)["input_ids"]
    assert loaded.tokenizer.pad_token == "<|endoftext|>" and loaded.tokenizer_2.pad_token == "!"


def test_clip_g_is_stacked_and_transposed(tiny):
    """By value: the matrix is square, so no shape tells."""
    folder, parts = tiny
    ours = load_file(folder / "tiny.safetensors")
    weights = {file_name(key): tensor for key, tensor in parts["text_encoder_2"].state_dict().items()}
    projection = ours[CLIP_G + "text_projection"]
    assert torch.equal(projection, weights["text_projection.weight"].T)
    assert not torch.equal(projection, projection.T)
    for kind in ("weight", "bias"):
        rows = [weights[f"text_model.encoder.layers.1.self_attn.{part}_proj.{kind}"] for part in "qkv"]
        assert torch.equal(ours[f"{CLIP_G}transformer.resblocks.1.attn.in_proj_{kind}"], torch.cat(rows))
    positions = ours["conditioner.embedders.0.transformer.text_model.embeddings.position_ids"]
    assert torch.equal(positions, torch.arange(77)[None])
    scale = ours[CLIP_G + "logit_scale"]
    assert scale.shape == () and scale.item() == pytest.approx(4.6052, abs=1e-4)


def test_the_vaes_attention_is_a_convolution_there(tiny):
    folder, parts = tiny
    ours, weights = load_file(folder / "tiny.safetensors"), parts["vae"].state_dict()
    for half in ("encoder", "decoder"):
        wanted = weights[f"{half}.mid_block.attentions.0.to_out.0.weight"]
        assert torch.equal(ours[f"first_stage_model.{half}.mid.attn_1.proj_out.weight"], wanted[:, :, None, None])
    assert torch.equal(ours["first_stage_model.decoder.up.1.block.0.conv1.weight"],
                       weights["decoder.up_blocks.0.resnets.0.conv1.weight"])


def test_markers_tell_the_prediction(tmp_path):
    make_pipeline(tmp_path / "made", vocabulary=500, prediction_type="v_prediction", rescale_betas_zero_snr=True,
                  timestep_spacing="trailing")
    convert(tmp_path / "made", tmp_path / "v.safetensors")
    tensors = load_file(tmp_path / "v.safetensors")
    for marker in ("v_pred", "ztsnr"):
        assert tensors[marker].dtype == torch.float16 and tensors[marker].shape == (0,)
    assert metadata(tmp_path / "v.safetensors")["modelspec.prediction_type"] == "v"
    convert(tmp_path / "v.safetensors", tmp_path / "back", "--dtype", "fp16")
    scheduler = json.loads((tmp_path / "back/scheduler/scheduler_config.json").read_text())
    assert scheduler["prediction_type"] == "v_prediction" and scheduler["rescale_betas_zero_snr"] is True
    assert scheduler["timestep_spacing"] == "trailing"
    convert(tmp_path / "back", tmp_path / "again.safetensors")
    assert {"v_pred", "ztsnr"} <= load_file(tmp_path / "again.safetensors").keys()


def test_what_the_source_says_is_kept(tiny, tmp_path):
    """Metadata, and values that diffusers has no place for, through a change of type."""
    folder, _ = tiny
    tensors = load_file(folder / "tiny.safetensors")
    tensors[CLIP_G + "logit_scale"] = torch.tensor(4.5)
    save_file(tensors, tmp_path / "in.safetensors",
              {"ss_steps": "100", "modelspec.title": "mine", "modelspec.hash_sha256": "0xdead", "format": "pt"})
    convert(tmp_path / "in.safetensors", tmp_path / "half.safetensors", "--dtype", "bf16")
    assert load_file(tmp_path / "half.safetensors")[CLIP_G + "logit_scale"] == 4.5
    assert metadata(tmp_path / "half.safetensors") == {"ss_steps": "100", "modelspec.title": "mine", "format": "pt"}
    convert(tmp_path / "half.safetensors", tmp_path / "folder")
    convert(tmp_path / "folder", tmp_path / "back.safetensors")
    said = metadata(tmp_path / "back.safetensors")
    assert said["ss_steps"] == "100" and said["modelspec.title"] == "mine" and "modelspec.hash_sha256" not in said
    assert said["modelspec.architecture"] == "stable-diffusion-xl-v1-base" and said["modelspec.sai_model_spec"] == "1.0.1"


def test_shards_and_float8_are_read(tiny, tmp_path):
    folder, parts = tiny
    shutil.copytree(folder / "back", tmp_path / "sharded")
    (tmp_path / "sharded/unet/diffusion_pytorch_model.safetensors").unlink()
    parts["unet"].save_pretrained(tmp_path / "sharded/unet", max_shard_size="2MB")
    assert len(list((tmp_path / "sharded/unet").glob("*.safetensors"))) > 2
    convert(tmp_path / "sharded", tmp_path / "from_shards.safetensors")
    whole = load_file(folder / "tiny.safetensors")
    same_bits(load_file(tmp_path / "from_shards.safetensors"), whole)

    eight = {name: tensor.to(torch.float8_e4m3fn) if tensor.is_floating_point() else tensor for name, tensor in whole.items()}
    save_file(eight, tmp_path / "eight.safetensors")
    convert(tmp_path / "eight.safetensors", tmp_path / "from_eight", "--dtype", "fp16")
    unet = load_file(tmp_path / "from_eight/unet/diffusion_pytorch_model.safetensors")
    for name, tensor in parts["unet"].state_dict().items():
        assert torch.equal(unet[name], tensor.to(torch.float8_e4m3fn).half()), name
    convert(tmp_path / "eight.safetensors", tmp_path / "eight")
    convert(tmp_path / "eight", tmp_path / "eight_again.safetensors")
    same_bits(load_file(tmp_path / "eight_again.safetensors"), eight)


@pytest.mark.parametrize("component", ["unet", "text-encoder", "text-encoder-2", "vae-decode"])
def test_eval_of_a_single_file_is_that_of_the_folder(tiny, tmp_path, component):
    folder, _ = tiny
    torch.manual_seed(1)
    inputs = {
        "unet": {"sample": torch.randn(1, 4, 8, 8), "timestep": torch.tensor([500.0]),
                 "encoder_hidden_states": torch.randn(1, 77, 192), "text_embeds": torch.randn(1, 128),
                 "time_ids": torch.randn(1, 6)},
        "vae-decode": {"latents": torch.randn(1, 4, 8, 8)},
    }.get(component, {"input_ids": torch.randint(0, 49000, (1, 77))})
    save_file(inputs, tmp_path / "in.safetensors")
    results = []
    for path in (folder / "made", folder / "tiny.safetensors"):
        run("atelier", "model", "eval", component, path, "--inputs", tmp_path / "in.safetensors", "--out", tmp_path / "out.safetensors")
        results.append(load_file(tmp_path / "out.safetensors"))
    same_bits(*results)


def test_parts_alone_are_read(tiny, tmp_path):
    """As VAEs are passed around: sgm's names without their prefix."""
    folder, _ = tiny
    whole, prefix = load_file(folder / "tiny.safetensors"), "first_stage_model."
    save_file({name[len(prefix):]: tensor for name, tensor in whole.items() if name.startswith(prefix)}, tmp_path / "vae.safetensors")
    save_file({"latents": torch.randn(1, 4, 8, 8)}, tmp_path / "in.safetensors")
    results = []
    for path in (folder / "made", tmp_path / "vae.safetensors"):
        run("atelier", "model", "eval", "vae-decode", path, "--inputs", tmp_path / "in.safetensors", "--out", tmp_path / "out.safetensors")
        results.append(load_file(tmp_path / "out.safetensors"))
    same_bits(*results)
    unet = run("atelier", "model", "eval", "unet", tmp_path / "vae.safetensors", "--inputs", tmp_path / "in.safetensors",
               "--out", tmp_path / "out.safetensors", check=False)
    assert unet.returncode == 2 and "there is no unet in it" in unet.stderr


def test_sample_draws_the_same_from_either(tiny, tmp_path):
    from PIL import Image
    folder, _ = tiny
    pictures = []
    for number, model in enumerate((folder / "back", folder / "tiny.safetensors")):
        out = tmp_path / f"{number}.png"
        run("atelier", "sample", model, "--prompt", "a cat", "--steps", 2, "--width", 32, "--height", 32, "--seed", 1, "--out", out)
        pictures.append(Image.open(out).tobytes())
    assert pictures[0] == pictures[1]


def error_of(source, out, *arguments):
    result = convert(source, out, *arguments, check=False)
    assert result.returncode == 2, result.stderr
    assert result.stderr.count("error:") == 1
    assert not list(out.parent.glob(f"{out.name}*tmp*"))
    return result.stderr


def test_errors_say_what_is_wrong(tiny, tmp_path):
    folder, _ = tiny
    single = folder / "tiny.safetensors"
    before = single.read_bytes()
    assert "exists already" in error_of(folder / "made", single)
    assert single.read_bytes() == before

    config = tmp_path / "config"
    shutil.copytree(folder / "back", config, ignore=shutil.ignore_patterns("*.safetensors"))
    unet = json.loads((config / "unet/config.json").read_text())
    (config / "unet/config.json").write_text(json.dumps(unet | {"cross_attention_dim": 96}))
    wrong = error_of(single, tmp_path / "folder", "--config", config)
    assert "attn2.to_k.weight is F32 [128, 192], wanted [128, 96]" in wrong and not (tmp_path / "folder").exists()

    tensors = load_file(single)
    save_file({name: tensor for name, tensor in tensors.items() if name.startswith("model.")}, tmp_path / "unet.safetensors")
    sampled = run("atelier", "sample", tmp_path / "unet.safetensors", "--prompt", "x", "--out", tmp_path / "x.png", check=False)
    assert sampled.returncode == 2 and "text encoder" in sampled.stderr and "VAE" in sampled.stderr

    save_file({"lora_unet_input_blocks_4_1_proj_in.lora_down.weight": torch.zeros(4, 640),
               "lora_unet_input_blocks_4_1_proj_in.lora_up.weight": torch.zeros(640, 4)}, tmp_path / "lora.safetensors")
    assert "LoRA" in error_of(tmp_path / "lora.safetensors", tmp_path / "folder")

    odd = {name: tensor[:40] if name.endswith("input_blocks.0.0.weight") else tensor for name, tensor in tensors.items()}
    save_file(odd, tmp_path / "odd.safetensors")
    assert "conv_in.weight is F32 [40" in error_of(tmp_path / "odd.safetensors", tmp_path / "folder")


def test_half_precision_does_not_make_infinities(tiny, tmp_path):
    folder, _ = tiny
    tensors = load_file(folder / "tiny.safetensors")
    name = "model.diffusion_model.out.2.weight"
    tensors[name] = tensors[name].float()
    tensors[name][0, 0, 0, 0] = -70000
    save_file(tensors, tmp_path / "large.safetensors")
    for out in ("half.safetensors", "half"):
        error = error_of(tmp_path / "large.safetensors", tmp_path / out, "--dtype", "fp16")
        assert "holds 70000" in error and "bf16 or fp32: --dtype" in error
        assert "out.2.weight" in error or "conv_out.weight" in error
        assert not (tmp_path / out).exists()
    convert(tmp_path / "large.safetensors", tmp_path / "brain.safetensors", "--dtype", "bf16")
    assert load_file(tmp_path / "brain.safetensors")[name][0, 0, 0, 0] == torch.tensor(-70000.0).to(torch.bfloat16)


def test_an_output_is_replaced_only_when_told(tiny, tmp_path):
    folder, _ = tiny
    convert(folder / "tiny.safetensors", tmp_path / "out")
    (tmp_path / "out/note.txt").write_text("old")
    assert "exists already" in error_of(folder / "tiny.safetensors", tmp_path / "out")
    convert(folder / "tiny.safetensors", tmp_path / "out", "--overwrite", "--dtype", "fp16")
    assert not (tmp_path / "out/note.txt").exists()
    assert load_file(tmp_path / "out/unet/diffusion_pytorch_model.safetensors")["conv_in.weight"].dtype == torch.float16

# labels: integration parity torch
"""`model eval vae-encode` and `vae-decode` against diffusers: outputs and every gradient, on random small
configurations; slicing and tiling; old weight names; what is saved."""

import json
import sys
from pathlib import Path

import numpy
import pytest
import torch
from diffusers import AutoencoderKL
from PIL import Image
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.parity import assert_parity, relative_error  # noqa: E402
from support.programs import run  # noqa: E402
from support.tiny import write_run  # noqa: E402

CONFIGURATIONS = 12


def random_configuration(rng):
    """An AutoencoderKL; every supported key that shapes the network varies."""
    levels = int(rng.integers(1, 5))
    groups = int(rng.choice([2, 4, 8]))
    return {
        "sample_size": 32,
        "in_channels": 3,
        "out_channels": 3,
        "latent_channels": int(rng.integers(2, 9)),
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "block_out_channels": [groups * int(c) for c in rng.integers(1, 5, levels)],
        "layers_per_block": int(rng.integers(1, 4)),
        "norm_num_groups": groups,
        "scaling_factor": float(rng.choice([0.13025, 0.5])),
        "use_quant_conv": bool(rng.random() < 0.7),
        "use_post_quant_conv": bool(rng.random() < 0.7),
        "mid_block_add_attention": bool(rng.random() < 0.8),
        "force_upcast": bool(rng.random() < 0.5),
    }


def random_model(rng, seed, **changes):
    config = random_configuration(rng) | changes
    torch.manual_seed(seed)
    model = AutoencoderKL(**config).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # norms and biases shall matter too
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def normal(rng, *shape):
    return torch.from_numpy(rng.standard_normal(shape)).float()


def input_of(half):
    return {"encode": "sample", "decode": "latents"}[half]


def forward(model, half, x):
    """What `model eval` writes, in the order of the cotangents."""
    if half == "decode":
        return {"sample": model.decode(x).sample}
    posterior = model.encode(x).latent_dist
    return {"mean": posterior.mean, "logvar": posterior.logvar}


def random_input(rng, model, half):
    batch = int(rng.integers(1, 4))
    factor = 2 ** (len(model.config.block_out_channels) - 1)
    height, width = (int(side) for side in rng.integers(3, 8, 2))
    if half == "decode":
        return normal(rng, batch, model.config.latent_channels, height, width)
    rest = int(rng.integers(0, factor))  # sides that do not divide are cut
    return normal(rng, batch, 3, height * factor + rest, width * factor)


def diffusers_outputs(model, half, inputs, dtype):
    model = model.to(dtype)
    model.zero_grad()
    leaf = inputs[input_of(half)].to(dtype, copy=True).requires_grad_(True)
    outputs = forward(model, half, leaf)
    cotangents = [inputs[name].to(dtype) for name in inputs if name.startswith("cotangent")]
    torch.autograd.backward(list(outputs.values()), cotangents)
    ran = {"encode": ("encoder.", "quant_conv."), "decode": ("decoder.", "post_quant_conv.")}[half]
    gradients = {name: p.grad for name, p in model.named_parameters() if name.startswith(ran)}
    gradients[input_of(half)] = leaf.grad
    results = {name: tensor.detach() for name, tensor in outputs.items()}
    results |= {f"grad.{name}": tensor.clone() for name, tensor in gradients.items()}
    model.to(torch.float32)
    return results


def evaluate(tmp_path, half, inputs, *flags, path=None):
    save_file({name: tensor.contiguous() for name, tensor in inputs.items()}, tmp_path / "inputs.safetensors")
    run("atelier-model", "model", "eval", f"vae-{half}", path or tmp_path / "vae", *flags,
        "--inputs", tmp_path / "inputs.safetensors", "--out", tmp_path / "outputs.safetensors")
    return load_file(tmp_path / "outputs.safetensors")


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
def test_outputs_and_gradients_equal_diffusers(seed, tmp_path):
    rng = numpy.random.default_rng(seed)
    model = random_model(rng, seed)
    model.save_pretrained(tmp_path / "vae")
    for half in ("encode", "decode"):
        inputs = {input_of(half): random_input(rng, model, half)}
        with torch.no_grad():
            shapes = [output.shape for output in forward(model, half, inputs[input_of(half)]).values()]
        inputs |= {name: normal(rng, *shape) for name, shape in zip(("cotangent", "cotangent_logvar"), shapes)}
        ours = evaluate(tmp_path, half, inputs, "--grad")
        peer = diffusers_outputs(model, half, inputs, torch.float32)
        exact = diffusers_outputs(model, half, inputs, torch.float64)
        assert_parity(ours, peer, exact)


@pytest.mark.parametrize("half", ["encode", "decode"])
@pytest.mark.parametrize("mode, sample_size", [("slicing", 32), ("tiling", 32), ("both", 16)])
def test_slicing_and_tiling_equal_diffusers(half, mode, sample_size, tmp_path):
    rng = numpy.random.default_rng(sample_size)
    model = random_model(rng, 7, sample_size=sample_size, block_out_channels=[8, 16, 16], norm_num_groups=4,
                         down_block_types=["DownEncoderBlock2D"] * 3, up_block_types=["UpDecoderBlock2D"] * 3)
    model.save_pretrained(tmp_path / "vae")
    height, width = 4 * 17, 4 * 11  # neither is a multiple of a tile's step
    x = normal(rng, 2, 3, height, width) if half == "encode" else normal(rng, 2, model.config.latent_channels, 17, 11)
    flags = [f"--vae-{one}" for one in ("slicing", "tiling") if mode in (one, "both")]
    ours = evaluate(tmp_path, half, {input_of(half): x}, *flags)
    model = model.double()
    with torch.no_grad():
        whole = forward(model, half, x.double())
        if mode != "tiling":
            model.enable_slicing()
        if mode != "slicing":
            model.enable_tiling()
        exact = forward(model, half, x.double())
    for name, reference in exact.items():
        assert relative_error(ours[name], reference) < 2e-5, name
        if mode != "slicing":  # else the test would show nothing
            assert relative_error(whole[name], reference) > 1e-3, name


def test_a_picture_no_larger_than_a_tile_is_whole(tmp_path):
    rng = numpy.random.default_rng(3)
    model = random_model(rng, 3, sample_size=32, block_out_channels=[8, 16, 16], norm_num_groups=4,
                         down_block_types=["DownEncoderBlock2D"] * 3, up_block_types=["UpDecoderBlock2D"] * 3)
    model.save_pretrained(tmp_path / "vae")
    x = {"sample": normal(rng, 1, 3, 32, 24)}
    assert torch.equal(evaluate(tmp_path, "encode", x)["mean"], evaluate(tmp_path, "encode", x, "--vae-tiling")["mean"])


OLD_NAMES = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


@pytest.mark.parametrize("pointwise", [False, True])
def test_old_names_of_attention_weights_are_read(pointwise, tmp_path):
    """Files of 2022 call them query, key, value, proj_attn; some hold them as 1x1 convolutions."""
    rng = numpy.random.default_rng(5)
    model = random_model(rng, 5, mid_block_add_attention=True)
    model.save_pretrained(tmp_path / "vae")
    old = {}
    for name, tensor in model.state_dict().items():
        for new_part, old_part in OLD_NAMES.items():
            if f"attentions.0.{new_part}." not in name:
                continue
            name = name.replace(new_part, old_part)
            if pointwise and tensor.dim() == 2:
                tensor = tensor[:, :, None, None]
        old[name] = tensor.contiguous()
    assert sum("proj_attn" in name for name in old) == 4
    save_file(old, tmp_path / "vae" / "diffusion_pytorch_model.safetensors")
    x = normal(rng, 1, model.config.latent_channels, 5, 6)
    ours = evaluate(tmp_path, "decode", {"latents": x})
    with torch.no_grad():
        assert relative_error(ours["sample"], model.double().decode(x.double()).sample) < 2e-5


def test_a_pipeline_folder_serves_and_without_grad_only_outputs_are_written(tmp_path):
    rng = numpy.random.default_rng(6)
    model = random_model(rng, 6)
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "model_index.json").write_text("{}")
    model.save_pretrained(tmp_path / "pipeline" / "vae")
    for half, names in (("encode", {"mean", "logvar"}), ("decode", {"sample"})):
        inputs = {input_of(half): random_input(rng, model, half)}
        assert set(evaluate(tmp_path, half, inputs, path=tmp_path / "pipeline")) == names


def fails(tmp_path, half, inputs, *words, flags=()):
    save_file(inputs, tmp_path / "inputs.safetensors")
    result = run("atelier-model", "model", "eval", f"vae-{half}", tmp_path / "vae", *flags,
                 "--inputs", tmp_path / "inputs.safetensors", "--out", tmp_path / "outputs.safetensors", check=False)
    assert result.returncode == 2, result.stderr
    for word in words:
        assert word in result.stderr, result.stderr
    assert not (tmp_path / "outputs.safetensors").exists()


def test_what_does_not_fit_is_the_users_error(tmp_path):
    rng = numpy.random.default_rng(8)
    model = random_model(rng, 8, latent_channels=4)
    model.save_pretrained(tmp_path / "vae")
    fails(tmp_path, "encode", {"sample": torch.zeros(1, 4, 64, 64)}, "sample", "3")
    fails(tmp_path, "decode", {"latents": torch.zeros(1, 3, 8, 8)}, "latents", "4")
    fails(tmp_path, "decode", {"latents": torch.zeros(1, 4, 8, 8), "cotangent": torch.zeros(2)}, "cotangent",
          flags=["--grad"])
    fails(tmp_path, "decode", {"latents": torch.zeros(1, 4, 8, 8)}, "--lora", flags=["--lora", "absent.safetensors"])


@pytest.mark.parametrize("half", ["encode", "decode"])
def test_what_is_not_finite_in_fp32_is_named_and_gives_no_picture(half, tmp_path):
    rng = numpy.random.default_rng(9)
    model = random_model(rng, 9, latent_channels=4)
    with torch.no_grad():
        model.get_submodule(f"{half}r").conv_in.weight[0, 0, 1, 1] = 3e38  # a number, unlike twice as much
    model.save_pretrained(tmp_path / "vae")
    inputs = {input_of(half): torch.full((1, {"encode": 3, "decode": 4}[half], 32, 32), 8.0)}
    fails(tmp_path, half, inputs, "the VAE gives NaN or infinity", half[:5], str(tmp_path / "vae"))


def test_a_run_trains_on_a_vae_and_gives_it_back_as_it_was(tmp_path):
    model = random_model(numpy.random.default_rng(11), 11, latent_channels=8, block_out_channels=[8, 16],
                         norm_num_groups=4, scaling_factor=0.5, force_upcast=False,
                         down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2)
    yaml = write_run(tmp_path, max_train_steps=2)
    (tmp_path / "config" / "vae" / "config.json").unlink()
    model.save_pretrained(tmp_path / "config" / "vae")
    run("atelier", "train", yaml)
    product = tmp_path / "out" / "tiny"
    assert json.loads((product / "model_index.json").read_text())["vae"] == ["diffusers", "AutoencoderKL"]
    saved, report = AutoencoderKL.from_pretrained(product / "vae", output_loading_info=True)
    assert not any(report.values()), report
    assert saved.config.scaling_factor == 0.5 and saved.config.force_upcast is False
    for name, tensor in model.state_dict().items():
        assert torch.equal(saved.state_dict()[name], tensor), name
    run("atelier", "sample", product, "--prompt", "a disc", "--steps", 2, "--width", 32, "--height", 16,
        "--out", tmp_path / "disc.png")
    assert Image.open(tmp_path / "disc.png").size == (32, 16)

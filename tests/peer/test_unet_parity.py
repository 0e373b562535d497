# labels: integration parity torch
"""`model eval unet` against diffusers: output and every gradient, on random small configurations."""

import json
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.parity import assert_parity, relative_error  # noqa: E402
from support.programs import program, run  # noqa: E402

CONFIGURATIONS = 12  # random ones, beside the named
TOKENS = (77, 154, 231)  # one, two and three chunks of a prompt

# What a random configuration meets too seldom; `attention_head_dim` is the number of heads, as in SDXL's config.json.
NAMED = {
    "sdxl": {
        "block_out_channels": [32, 64, 128],
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "layers_per_block": 2, "transformer_layers_per_block": [1, 2, 4], "attention_head_dim": [2, 4, 8],
        "use_linear_projection": True,
    },
    "refiner": {
        "block_out_channels": [24, 48, 96, 96],
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "layers_per_block": 2, "transformer_layers_per_block": 4, "attention_head_dim": [1, 2, 4, 4],
        "use_linear_projection": True, "norm_num_groups": 8, "time_ids": 5,
    },
    "other depths upwards": {
        "block_out_channels": [16, 32],
        "down_block_types": ["CrossAttnDownBlock2D"] * 2, "up_block_types": ["CrossAttnUpBlock2D"] * 2,
        "transformer_layers_per_block": [1, 3], "reverse_transformer_layers_per_block": [2, 4],
        "attention_head_dim": [2, 4],
    },
    "convolutional projections": {
        "block_out_channels": [16, 32], "down_block_types": ["CrossAttnDownBlock2D"] * 2,
        "up_block_types": ["CrossAttnUpBlock2D"] * 2, "attention_head_dim": 4, "use_linear_projection": False,
    },
}


def random_configuration(rng, chosen=None):
    """A UNet of the SDXL family; every supported key that `chosen` does not fix varies."""
    chosen = dict(chosen or {})

    def per_level(low, high):
        values = [int(v) for v in rng.integers(low, high + 1, levels)]
        return values if rng.random() < 0.5 else values[0]

    levels = len(chosen.get("block_out_channels", ())) or int(rng.integers(1, 4))
    groups = int(rng.choice([2, 4, 8]))
    time_dim = 2 * int(rng.integers(2, 9))
    pooled = int(rng.integers(3, 20))
    heads = [int(h) for h in rng.choice([1, 2, 4], levels)]
    return {
        "sample_size": 16,
        "in_channels": int(rng.integers(3, 9)),
        "out_channels": int(rng.integers(3, 9)),
        "block_out_channels": [16 * int(c) for c in rng.integers(1, 4, levels)],
        "down_block_types": [str(t) for t in rng.choice(["DownBlock2D", "CrossAttnDownBlock2D"], levels)],
        "up_block_types": [str(t) for t in rng.choice(["UpBlock2D", "CrossAttnUpBlock2D"], levels)],
        "layers_per_block": per_level(1, 3),
        "transformer_layers_per_block": per_level(1, 2),
        "attention_head_dim": heads if rng.random() < 0.7 else heads[0],
        "cross_attention_dim": int(rng.integers(4, 40)),
        "use_linear_projection": bool(rng.random() < 0.7),
        "norm_num_groups": groups,
        "norm_eps": float(rng.choice([1e-5, 1e-6])),
        "flip_sin_to_cos": bool(rng.random() < 0.8),
        "freq_shift": int(rng.integers(0, 2)),
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": time_dim,
        "projection_class_embeddings_input_dim": pooled + chosen.pop("time_ids", 6) * time_dim,
    } | chosen


def random_inputs(rng, config, tokens=None, time_ids=6):
    batch = int(rng.choice([1, 2, 3, 5]))
    height, width = (int(side) for side in rng.integers(5, 20, 2))  # odd and non-square sides among them
    pooled = config["projection_class_embeddings_input_dim"] - time_ids * config["addition_time_embed_dim"]

    def normal(*shape):
        return torch.from_numpy(rng.standard_normal(shape)).float()

    timesteps = rng.choice([0.0, 999.0, 500.25, float(rng.integers(0, 1000))], batch)
    return {
        "sample": normal(batch, config["in_channels"], height, width),
        "timestep": torch.tensor(timesteps, dtype=torch.float32),
        "encoder_hidden_states": normal(batch, tokens or int(rng.integers(1, 24)), config["cross_attention_dim"]),
        "text_embeds": normal(batch, pooled),
        "time_ids": torch.from_numpy(rng.integers(0, 1536, (batch, time_ids))).float(),
        "cotangent": normal(batch, config["out_channels"], height, width),
    }


def diffusers_outputs(model, inputs, dtype):
    """The tensors that `model eval unet --grad` writes, as diffusers computes them."""
    model = model.to(dtype).train()
    model.zero_grad()
    leaves = {
        name: inputs[name].to(dtype, copy=True).requires_grad_(True)
        for name in ("sample", "encoder_hidden_states", "text_embeds")
    }
    output = model(
        leaves["sample"],
        inputs["timestep"],
        leaves["encoder_hidden_states"],
        added_cond_kwargs={"text_embeds": leaves["text_embeds"], "time_ids": inputs["time_ids"]},
    ).sample
    output.backward(inputs["cotangent"].to(dtype))
    gradients = dict(model.named_parameters()) | leaves
    return {"sample": output.detach()} | {
        f"grad.{name}": torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
        for name, tensor in gradients.items()
    }


def random_model(rng, seed, chosen=None):
    config = random_configuration(rng, chosen)
    torch.manual_seed(seed)
    model = UNet2DConditionModel(**config)
    with torch.no_grad():
        for parameter in model.parameters():  # norms and biases shall matter too
            parameter.add_(0.05 * torch.randn_like(parameter))
    return config, model


def check_outputs_and_gradients(model, inputs, folder, max_shard_size="1GB"):
    model.save_pretrained(folder / "unet", max_shard_size=max_shard_size)
    save_file(inputs, folder / "inputs.safetensors")
    run("atelier-model", "model", "eval", "unet", folder / "unet", "--grad",
        "--inputs", folder / "inputs.safetensors", "--out", folder / "outputs.safetensors")
    ours = load_file(folder / "outputs.safetensors")
    peer = diffusers_outputs(model, inputs, torch.float32)
    exact = diffusers_outputs(model, inputs, torch.float64)
    assert_parity(ours, peer, exact)


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
def test_outputs_and_gradients_equal_diffusers(seed, tmp_path):
    rng = numpy.random.default_rng(seed)
    config, model = random_model(rng, seed)
    inputs = random_inputs(rng, config, tokens=TOKENS[seed % len(TOKENS)])
    check_outputs_and_gradients(model, inputs, tmp_path, "200KB" if seed % 3 == 0 else "1GB")


@pytest.mark.parametrize("name", NAMED)
def test_named_shapes_equal_diffusers(name, tmp_path):
    rng = numpy.random.default_rng(50)
    config, model = random_model(rng, 50, NAMED[name])
    inputs = random_inputs(rng, config, tokens=77, time_ids=NAMED[name].get("time_ids", 6))
    check_outputs_and_gradients(model, inputs, tmp_path)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_files_are_run_in_fp32(dtype, tmp_path):
    """The small twin of tests/campaign/test_full_size.py."""
    rng = numpy.random.default_rng(103)
    config, model = random_model(rng, 103, NAMED["sdxl"])
    inputs = random_inputs(rng, config, tokens=77)
    model.to(dtype).save_pretrained(tmp_path / "unet")
    save_file(inputs, tmp_path / "inputs.safetensors")
    run("atelier-model", "model", "eval", "unet", tmp_path / "unet",
        "--inputs", tmp_path / "inputs.safetensors", "--out", tmp_path / "outputs.safetensors")
    exact = diffusers_outputs(model, inputs, torch.float64)["sample"]
    assert relative_error(load_file(tmp_path / "outputs.safetensors")["sample"], exact) <= 2e-5


def test_without_grad_only_the_output_is_written(tmp_path):
    rng = numpy.random.default_rng(100)
    config, model = random_model(rng, 100)
    inputs = random_inputs(rng, config)
    del inputs["cotangent"]
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "model_index.json").write_text("{}")
    model.save_pretrained(tmp_path / "pipeline" / "unet")  # a pipeline folder is accepted as well
    save_file(inputs, tmp_path / "inputs.safetensors")
    run("atelier-model", "model", "eval", "unet", tmp_path / "pipeline",
        "--inputs", tmp_path / "inputs.safetensors", "--out", tmp_path / "outputs.safetensors")
    assert list(load_file(tmp_path / "outputs.safetensors")) == ["sample"]


@pytest.mark.parametrize("name", ["sample", "timestep", "encoder_hidden_states", "text_embeds", "time_ids"])
def test_inputs_that_do_not_fit_are_the_users_error(name, tmp_path):
    rng = numpy.random.default_rng(101)
    config, model = random_model(rng, 101)
    inputs = random_inputs(rng, config)
    inputs[name] = torch.zeros(7, 5)
    model.save_pretrained(tmp_path / "unet")
    save_file(inputs, tmp_path / "inputs.safetensors")
    arguments = ["model", "eval", "unet", tmp_path / "unet", "--inputs", tmp_path / "inputs.safetensors",
                 "--out", tmp_path / "outputs.safetensors"]
    result = run("atelier-model", *arguments, check=False)
    assert result.returncode == 2 and name in result.stderr
    del inputs[name]
    save_file(inputs, tmp_path / "inputs.safetensors")
    result = run("atelier-model", *arguments, check=False)
    assert result.returncode == 2 and name in result.stderr
    assert not (tmp_path / "outputs.safetensors").exists()


def test_saved_model_loads_in_diffusers_and_predicts_the_same(tmp_path):
    if not program("unet-step").exists():
        pytest.skip("the program that saves a model is a bench, and ATELIER_BENCH is off")
    rng = numpy.random.default_rng(102)
    config = random_configuration(rng)
    inputs = random_inputs(rng, config)
    inputs["target"] = inputs.pop("cotangent")
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file(inputs, tmp_path / "inputs.safetensors")
    command = [program("unet-step"), tmp_path, tmp_path / "inputs.safetensors", "2", tmp_path / "saved"]
    answer = subprocess.run(command, input="step 1\n", capture_output=True, text=True, check=True).stdout.split()
    model, report = UNet2DConditionModel.from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert not any(report.values()), report
    with torch.no_grad():
        prediction = model(
            inputs["sample"],
            inputs["timestep"],
            inputs["encoder_hidden_states"],
            added_cond_kwargs={"text_embeds": inputs["text_embeds"], "time_ids": inputs["time_ids"]},
        ).sample
    loss = torch.nn.functional.mse_loss(prediction, inputs["target"]).item()
    assert float(answer[-1]) == pytest.approx(loss, rel=1e-6)

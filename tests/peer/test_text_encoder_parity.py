# labels: integration parity torch
"""`model eval text-encoder` and `text-encoder-2` against transformers: outputs and every gradient, on random small
configurations."""

import json
import sys
from pathlib import Path

import numpy
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.clip_peer import file_name  # noqa: E402
from support.parity import assert_parity  # noqa: E402
from support.programs import run  # noqa: E402

CONFIGURATIONS = 14
LENGTHS = [77, 154, 231]  # one to three stretches of CLIP's own length


def random_configuration(rng, seed):
    heads = int(rng.choice([1, 2, 4]))
    vocabulary = int(rng.integers(50, 400))
    return CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=heads * 4 * int(rng.integers(2, 9)),
        intermediate_size=int(rng.integers(20, 200)),
        num_hidden_layers=int(rng.integers(1, 5)),
        num_attention_heads=heads,
        max_position_embeddings=LENGTHS[seed % 3],
        projection_dim=int(rng.integers(8, 60)),
        hidden_act=["quick_gelu", "gelu"][seed // 2 % 2],
        layer_norm_eps=float(rng.choice([1e-5, 1e-6])),
        bos_token_id=0,
        eos_token_id=2 if seed % 4 < 2 else vocabulary - 1,  # the old way of finding the end, and the new
    )


def random_ids(rng, config):
    """Texts of several lengths, each with an end and padding behind it (more ends, as SDXL's first encoder has)."""
    batch, length = int(rng.integers(1, 4)), int(rng.integers(8, config.max_position_embeddings + 1))
    if config.max_position_embeddings == 77:  # a text of 154 or 231 tokens: two or three full rows
        batch, length = int(rng.integers(2, 4)), 77
    ids = rng.integers(3, config.vocab_size - 1, (batch, length))
    for row in ids:
        row[int(rng.integers(2, length)):] = config.vocab_size - 1
    return torch.from_numpy(ids)


def random_model(rng, seed):
    config = random_configuration(rng, seed)
    torch.manual_seed(seed)
    model = (CLIPTextModelWithProjection if seed % 2 else CLIPTextModel)(config)
    with torch.no_grad():
        for parameter in model.parameters():  # norms and biases shall matter too
            parameter.add_(0.05 * torch.randn_like(parameter))
    return config, model


def transformers_outputs(model, inputs, dtype):
    """The tensors that `model eval --grad` writes, as transformers computes them."""
    model = model.to(dtype)
    model.zero_grad()
    output = model(inputs["input_ids"], output_hidden_states=True)
    with_projection = isinstance(model, CLIPTextModelWithProjection)
    pooled = {"text_embeds": output.text_embeds} if with_projection else {"pooler_output": output.pooler_output}
    hidden = {"last_hidden_state": output.last_hidden_state, "penultimate_hidden_state": output.hidden_states[-2]}
    outputs = hidden | pooled
    loss = (outputs["penultimate_hidden_state"] * inputs["cotangent"].to(dtype)).sum()
    if "cotangent_pooled" in inputs:
        loss = loss + (next(iter(pooled.values())) * inputs["cotangent_pooled"].to(dtype)).sum()
    loss.backward()
    gradients = {
        f"grad.{file_name(name)}": torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone()
        for name, parameter in model.named_parameters()
    }
    return {name: tensor.detach() for name, tensor in (outputs | gradients).items()}


def evaluate(folder, component, model_path, inputs, *options, check=True):
    save_file(inputs, folder / "inputs.safetensors")
    return run("atelier-model", "model", "eval", component, model_path, *options,
               "--inputs", folder / "inputs.safetensors", "--out", folder / "outputs.safetensors", check=check)


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
def test_outputs_and_gradients_equal_transformers(seed, tmp_path):
    rng = numpy.random.default_rng(seed)
    config, model = random_model(rng, seed)
    model.save_pretrained(tmp_path / "encoder", max_shard_size="20KB" if seed % 3 == 0 else "1GB")
    ids = random_ids(rng, config)
    cotangent = torch.from_numpy(rng.standard_normal((*ids.shape, config.hidden_size))).float()
    pooled_width = config.projection_dim if seed % 2 else config.hidden_size
    # Alone the penultimate state reaches neither the last layer nor the final norm and the projection.
    cotangent_pooled = torch.from_numpy(rng.standard_normal((len(ids), pooled_width))).float()
    for cotangents in ({"cotangent": cotangent}, {"cotangent": cotangent, "cotangent_pooled": cotangent_pooled}):
        inputs = {"input_ids": ids, **cotangents}
        evaluate(tmp_path, "text-encoder-2" if seed % 2 else "text-encoder", tmp_path / "encoder", inputs, "--grad")
        peer = transformers_outputs(model, inputs, torch.float32)
        exact = transformers_outputs(model, inputs, torch.float64)
        ours = load_file(tmp_path / "outputs.safetensors")
        unreached = [name for name, tensor in exact.items() if not tensor.any()]
        assert len(unreached) == (0 if "cotangent_pooled" in cotangents else 18 + seed % 2)
        assert not any(ours.pop(name).any() for name in unreached)
        assert_parity(ours, peer, {name: tensor for name, tensor in exact.items() if name not in unreached})


def test_files_with_the_prefix_and_the_old_buffer_are_read(tmp_path):
    """The published SDXL files: keys under text_model., and in older ones a buffer of positions."""
    rng = numpy.random.default_rng(50)
    config, model = random_model(rng, 50)
    model.save_pretrained(tmp_path / "encoder")
    path = tmp_path / "encoder" / "model.safetensors"
    state = {file_name(name): tensor.half() for name, tensor in load_file(path).items()}
    state["text_model.embeddings.position_ids"] = torch.arange(config.max_position_embeddings)[None]
    save_file(state, path)
    inputs = {"input_ids": random_ids(rng, config)}
    evaluate(tmp_path, "text-encoder", tmp_path / "encoder", inputs)
    with torch.no_grad():
        expected = model.half().float()(inputs["input_ids"]).last_hidden_state
    ours = load_file(tmp_path / "outputs.safetensors")["last_hidden_state"]
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fault", ["component", "type", "range", "length", "config", "missing", "cotangent"])
def test_what_does_not_fit_is_the_users_error(fault, tmp_path):
    rng = numpy.random.default_rng(60)
    config, model = random_model(rng, 60)
    model.save_pretrained(tmp_path / "encoder")
    ids, component = random_ids(rng, config), "text-encoder"
    if fault == "component":
        component = "text-encoder-2"
    elif fault == "type":
        ids = ids.float()[0]
    elif fault == "range":
        ids[0, 0] = config.vocab_size
    elif fault == "length":
        ids = torch.zeros((1, config.max_position_embeddings + 1), dtype=torch.int64)
    elif fault == "config":
        path = tmp_path / "encoder" / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"hidden_act": "relu"}))
    elif fault == "missing":
        (tmp_path / "encoder" / "model.safetensors").unlink()
    inputs, options = {"input_ids": ids}, []
    if fault == "cotangent":
        inputs["cotangent"], options = torch.zeros(len(ids), 1, config.hidden_size), ["--grad"]
    result = evaluate(tmp_path, component, tmp_path / "encoder", inputs, *options, check=False)
    assert result.returncode == 2 and result.stderr.startswith("error: "), result.stderr
    assert not (tmp_path / "outputs.safetensors").exists()

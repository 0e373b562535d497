# labels: integration parity torch
"""A LoRA that we trained, in diffusers and PEFT: all its adapters find their place, and the UNet answers the same."""

import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("peft")
from diffusers import StableDiffusionXLPipeline, UNet2DConditionModel
from diffusers.loaders import StableDiffusionXLLoraLoaderMixin
from peft import LoHaConfig, LoKrConfig, LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.lora import relative, train_adapters, train_base, unet_inputs  # noqa: E402
from support.programs import run  # noqa: E402


@pytest.fixture(scope="module")
def lora(tmp_path_factory):
    """The folder of a base model, and a LoRA of all three networks trained on it."""
    folder = tmp_path_factory.mktemp("lora")
    base = train_base(folder / "base")
    network = {"network_dim": 4, "network_alpha": 2, "network_train_unet_only": False}
    return base, train_adapters(folder, base, network)


def converted(base, file):
    """diffusers' reading of a kohya file: state dict and alphas."""
    config = UNet2DConditionModel.from_pretrained(base / "unet").config
    return StableDiffusionXLLoraLoaderMixin.lora_state_dict(load_file(file), unet_config=config)


def peer_answer(model, inputs):
    """diffusers' UNet on the inputs of `model eval unet`."""
    with torch.no_grad():
        return model(inputs["sample"], inputs["timestep"], inputs["encoder_hidden_states"],
                     added_cond_kwargs={name: inputs[name] for name in ("text_embeds", "time_ids")}).sample


def evaluate(component, base, lora, inputs, folder):
    """The outputs of `model eval`, and what it said."""
    save_file(inputs, folder / "in.safetensors")
    done = run("atelier", "model", "eval", component, base, "--lora", lora,
               "--inputs", folder / "in.safetensors", "--out", folder / "out.safetensors")
    return load_file(folder / "out.safetensors"), done.stderr


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_the_unet_with_a_lora_answers_as_in_diffusers(lora, tmp_path, weight):
    base, file = lora
    model = UNet2DConditionModel.from_pretrained(base / "unet").eval()
    inputs = unet_inputs()
    without = peer_answer(model, inputs)
    state, alphas = converted(base, file)
    StableDiffusionXLLoraLoaderMixin.load_lora_into_unet(state, alphas, model, adapter_name="ours")
    adapted = [name for name, module in model.named_modules() if hasattr(module, "lora_A")]
    pairs = [name for name in load_file(file) if name.startswith("lora_unet_") and name.endswith("down.weight")]
    assert len(adapted) == len(pairs)
    model.set_adapters(["ours"], [weight])
    theirs = peer_answer(model, inputs)
    assert relative(theirs - without, theirs) > 0.05  # the LoRA does something
    ours, _ = evaluate("unet", base, f"{file}:{weight}", inputs, tmp_path)
    assert relative(ours["sample"] - theirs, theirs) < 2e-5


@pytest.mark.parametrize("component,prefix,kind", [
    ("text-encoder", "text_encoder", CLIPTextModel),
    ("text-encoder-2", "text_encoder_2", CLIPTextModelWithProjection),
])
def test_a_text_encoder_with_a_lora_answers_as_in_diffusers(lora, tmp_path, component, prefix, kind):
    base, file = lora
    model = kind.from_pretrained(base / prefix).eval()
    ids = torch.tensor([[49406, 320, 736, 1929, 49407] + [49407] * 72])

    def forward():
        with torch.no_grad():
            output = model(ids, output_hidden_states=True)
        pooled = "text_embeds" if kind is CLIPTextModelWithProjection else "pooler_output"
        return {"penultimate_hidden_state": output.hidden_states[-2], "last_hidden_state": output.last_hidden_state,
                pooled: output[pooled]}

    without = forward()
    state, alphas = converted(base, file)
    StableDiffusionXLLoraLoaderMixin.load_lora_into_text_encoder(
        state, alphas, model, prefix=prefix, adapter_name="ours")
    theirs = forward()
    ours, _ = evaluate(component, base, file, {"input_ids": ids}, tmp_path)
    assert ours.keys() == theirs.keys()
    for name, reference in theirs.items():
        assert relative(reference - without[name], reference) > 1e-3, name
        assert relative(ours[name] - reference, reference) < 2e-5, name


@pytest.mark.parametrize("dora", [False, True])
def test_a_lora_that_diffusers_saved_is_read(lora, tmp_path, dora):
    base, _ = lora
    model = UNet2DConditionModel.from_pretrained(base / "unet").eval()
    config = LoraConfig(r=4, lora_alpha=3, use_dora=dora, init_lora_weights=False,
                        target_modules=["to_q", "to_k", "to_v", "to_out.0", "conv1", "proj_in", "ff.net.0.proj"])
    torch.manual_seed(5)
    model.add_adapter(config)
    StableDiffusionXLPipeline.save_lora_weights(
        tmp_path, unet_lora_layers=get_peft_model_state_dict(model), unet_lora_adapter_metadata=config.to_dict())
    file = tmp_path / "pytorch_lora_weights.safetensors"
    assert not any(key.endswith(".alpha") for key in load_file(file))
    inputs = unet_inputs()
    theirs = peer_answer(model, inputs)
    ours, said = evaluate("unet", base, file, inputs, tmp_path)
    assert "no place" not in said
    assert relative(ours["sample"] - theirs, theirs) < 2e-5


@pytest.mark.parametrize("config", [
    LoHaConfig(r=4, alpha=3, init_weights=False, target_modules=["to_q", "to_v", "conv1"]),
    LoKrConfig(r=2, alpha=3, init_weights=False, target_modules=["to_q", "to_v", "conv1"], decompose_both=True),
    LoraConfig(r=4, lora_alpha=3, use_rslora=True, init_lora_weights=False, target_modules=["to_q", "conv2"]),
], ids=["loha", "lokr", "rank-stabilised"])
def test_adapters_that_peft_saved_are_read(lora, tmp_path, config):
    """With the alpha in adapter_config.json beside them."""
    base, _ = lora
    torch.manual_seed(6)
    model = get_peft_model(UNet2DConditionModel.from_pretrained(base / "unet"), config).eval()
    model.save_pretrained(tmp_path)
    inputs = unet_inputs()
    theirs = peer_answer(model, inputs)
    ours, _ = evaluate("unet", base, tmp_path / "adapter_model.safetensors", inputs, tmp_path)
    assert relative(ours["sample"] - theirs, theirs) < 2e-5

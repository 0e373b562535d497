# labels: integration parity
"""Weight files of other models are called by their name, by the keys that diffusers itself knows them by."""

import json
import sys
from pathlib import Path

import numpy
import pytest
from diffusers.loaders.single_file_utils import CHECKPOINT_KEY_NAMES
from safetensors.numpy import save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import run  # noqa: E402

# diffusers' word -> ours, and what is told.
FOREIGN = {
    "v1": ("sd-checkpoint", "Stable Diffusion 1"),
    "v2": ("sd-checkpoint", "Stable Diffusion 2"),
    "xl_refiner": ("sdxl-refiner-checkpoint", "refiner"),
    "sd3": ("sd3", "Stable Diffusion 3"),
    "flux": ("flux", "Flux"),
    "flux2": ("flux2", "Flux 2"),
    "chroma": ("chroma", "Chroma"),
    "auraflow": ("auraflow", "AuraFlow"),
    "hunyuan-video": ("hunyuan-video", "HunyuanVideo"),
    "lumina2": ("lumina2", "Lumina 2"),
    "z-image-turbo": ("z-image", "Z-Image"),
    "wan": ("wan", "Wan"),
    "ltx-video": ("ltx-video", "LTX-Video"),
    "mochi-1-preview": ("mochi", "Mochi"),
    "sana": ("sana", "Sana"),
    "hidream": ("hidream", "HiDream"),
    "cosmos-1.0": ("cosmos", "Cosmos"),
    "cosmos-2.0": ("cosmos", "Cosmos"),
    "stable_cascade_stage_c": ("stable-cascade", "Stable Cascade"),
    "controlnet": ("controlnet", "ControlNet"),
    "playground-v2-5": ("playground", "Playground"),
    "animatediff_sdxl_beta": ("animatediff", "AnimateDiff"),
}
# What else is in such files.
COMPANY = {"v1": ["clip"], "v2": ["open_clip"], "playground-v2-5": ["xl_base", "clip_sdxl"]}


def keys_of(name):
    names = CHECKPOINT_KEY_NAMES[name]
    return [names] if isinstance(names, str) else names


def write(path, keys, shapes=None):
    save_file({key: numpy.zeros((shapes or {}).get(key, (2, 2)), numpy.float16) for key in keys}, path)
    return path


def inspect(path):
    return json.loads(run("atelier", "model", "inspect", path, "--json").stdout)["files"][0]


@pytest.mark.parametrize("name", list(FOREIGN))
def test_checkpoints_of_other_models_are_known(name, tmp_path):
    kind, label = FOREIGN[name]
    company = [key for other in COMPANY.get(name, []) for key in keys_of(other)]
    found = inspect(write(tmp_path / "m.safetensors", keys_of(name) + company))
    assert found["kind"] == kind and label in found["label"]
    # The layout that stands inside a whole checkpoint, and that of a lone network.
    for key in keys_of(name):
        if key.startswith("model.diffusion_model.") and len(keys_of(name)) == 2:
            assert inspect(write(tmp_path / "m.safetensors", [key]))["kind"] == kind


def test_sdxl_is_none_of_them(tmp_path):
    keys = keys_of("xl_base") + keys_of("clip_sdxl") + keys_of("open_clip_sdxl") + keys_of("inpainting")
    last = "model.diffusion_model.out.2.weight"

    def found(inputs):
        shapes = {keys_of("inpainting")[0]: (320, inputs, 3, 3), last: (4, 320, 3, 3)}
        return inspect(write(tmp_path / "m.safetensors", [*keys, last], shapes))

    assert (found(4)["kind"], found(4)["model"]) == ("sdxl-checkpoint", "sdxl")
    assert found(9)["model"] == "sdxl-inpaint" and "9 input channels" in found(9)["label"]
    assert found(8)["model"] == "sdxl-edit"


@pytest.mark.parametrize("part", ["unet", "inpaint"])
def test_lone_networks_tell_their_model_by_their_widths(part, tmp_path):
    inputs = 9 if part == "inpaint" else 4
    for width, model in {768: "sd1", 1024: "sd2", 1280: "sdxl-refiner", 2048: "sdxl"}.items():
        shapes = {"conv_in.weight": (320, inputs, 3, 3), "conv_out.weight": (4, 320, 3, 3),
                  "time_embedding.linear_1.weight": (1280, 320),
                  "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight": (640, width)}
        found = inspect(write(tmp_path / "m.safetensors", list(shapes), shapes))
        expected = "sdxl-inpaint" if part == "inpaint" and model == "sdxl" else model
        assert (found["kind"], found["model"]) == ("unet", expected)


# Modules as each trainer names them, with the shape of the down matrix.
ADAPTERS = [
    ("sdxl", "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k", (4, 2048)),
    ("sdxl", "lora_te2_text_model_encoder_layers_0_mlp_fc1", (4, 1280)),
    ("sdxl", "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k", (4, 2048)),
    ("sdxl", "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k", (4, 2048)),
    ("sd1", "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k", (4, 768)),
    ("sd2", "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k", (4, 1024)),
    ("sd1", "lora_te_text_model_encoder_layers_0_mlp_fc1", (4, 768)),
    ("sd2", "lora_te_text_model_encoder_layers_0_mlp_fc1", (4, 1024)),
    ("flux", "lora_unet_double_blocks_0_img_attn_proj", (4, 3072)),
    ("flux", "transformer.single_transformer_blocks.0.attn.to_k", (4, 3072)),
    ("sd3", "lora_unet_joint_blocks_0_x_block_attn_qkv", (4, 1536)),
    ("wan", "diffusion_model.blocks.0.cross_attn.k", (4, 1536)),
    (None, "some_block", (4, 16)),
]


@pytest.mark.parametrize("model,module,shape", ADAPTERS)
def test_adapters_tell_the_model_they_are_for(model, module, shape, tmp_path):
    peft = "." in module
    down, up = (f"{module}.lora_A.weight", f"{module}.lora_B.weight") if peft else (
        f"{module}.lora_down.weight", f"{module}.lora_up.weight")
    path = write(tmp_path / "m.safetensors", [down, up], {down: shape, up: (8, 4)})
    found = inspect(path)
    assert (found["model"], found["kind"]) == (model, "lora")
    assert found["adapter"]["ranks"] == {"4": 1}

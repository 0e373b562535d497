# labels: integration
"""The recipes that come with the program, and the demo's captions."""

import csv
import json
import re
import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import SOURCE, run  # noqa: E402

RECIPES = SOURCE / "configs/recipes"


@pytest.fixture(scope="module")
def labels():
    lines = (line for line in (RECIPES / "portraits.labels.tsv").open(encoding="utf-8") if not line.startswith("#"))
    return list(csv.DictReader(lines, delimiter="\t"))


@pytest.mark.parametrize("recipe", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_every_recipe_is_accepted_as_a_file_and_by_name(recipe):
    shown = yaml.safe_load(run("atelier", "config", "show", RECIPES / f"{recipe}.yaml", "--plain").stdout)
    written = yaml.safe_load((RECIPES / f"{recipe}.yaml").read_text(encoding="utf-8"))
    assert shown["train"] | written["train"] == shown["train"]  # what the file says is what is shown
    assert shown["output_name"] == written["output_name"]
    assert run("atelier", "config", "show", f"recipe:{recipe}", "--plain").stdout != ""


def test_the_demos_model_is_one_that_diffusers_and_transformers_make(labels):
    from diffusers import DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    folder = RECIPES / "portraits"
    unet = UNet2DConditionModel.from_config(json.loads((folder / "unet/config.json").read_text()))
    first = CLIPTextModel(CLIPTextConfig.from_pretrained(folder / "text_encoder"))
    second = CLIPTextModelWithProjection(CLIPTextConfig.from_pretrained(folder / "text_encoder_2"))
    scheduler = DDIMScheduler.from_pretrained(folder / "scheduler")
    width = first.config.hidden_size + second.config.hidden_size
    assert unet.config.cross_attention_dim == width
    assert (unet.config.projection_class_embeddings_input_dim
            == second.config.projection_dim + 6 * unet.config.addition_time_embed_dim)
    assert scheduler.config.prediction_type == "v_prediction"
    assert scheduler.alphas_cumprod[-1] == 0  # zero terminal SNR


def test_every_portrait_has_a_caption_of_its_own_kind(labels):
    assert len(labels) == 241
    assert len({row["path"] for row in labels}) == 241
    people = re.compile(r"(1girl|1boy|1other|no humans), ")
    assert [row["path"] for row in labels if not people.match(row["caption"])] == []
    assert [row["path"] for row in labels if " theme" not in row["caption"]] == []
    assert [row["path"] for row in labels if row["group"] == "elves" and ", elf, " not in row["caption"]] == []


def test_prompts_use_words_of_the_captions(labels):
    words = {tag for row in labels for tag in row["caption"].split(", ")}
    prompts = (RECIPES / "portraits.prompts.txt").read_text(encoding="utf-8").splitlines()
    assert [tag for prompt in prompts for tag in prompt.split(", ") if tag not in words] == []

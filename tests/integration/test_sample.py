# labels: integration parity torch
"""`sample` as a user runs it, against the same picture by transformers, diffusers, scipy and PIL."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, UNet2DConditionModel
from PIL import Image
from safetensors.torch import save_file
from scipy.fft import idctn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.clip_peer import clip_tokenizer  # noqa: E402
from support.programs import BUILD, program, run  # noqa: E402

torch.set_num_threads(1)  # the models are tiny
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
SIDES = (48, 32)  # px, width and height
# The constants of models/autoencoder/dct_autoencoder.cpp: colour, v, u, mean, deviation.
DCT = [(0, 0, 0, 3.2, 5.2), (0, 0, 1, 0, 1.5), (0, 1, 0, 0, 1.1), (0, 2, 0, 0, 0.55), (0, 1, 1, 0, 0.68),
       (0, 0, 2, 0, 0.76), (1, 0, 0, -0.21, 0.43), (2, 0, 0, 0.17, 0.47)]
TO_YCBCR = [[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]]


COMMON = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1)


def schedulers():
    return {
        "ddim-v": DDIMScheduler(**COMMON, clip_sample=False, set_alpha_to_one=False, prediction_type="v_prediction",
                                timestep_spacing="trailing", rescale_betas_zero_snr=True),
        "euler-epsilon": EulerDiscreteScheduler(**COMMON, timestep_spacing="leading"),
        "euler-v": EulerDiscreteScheduler(**COMMON, prediction_type="v_prediction", timestep_spacing="trailing",
                                          rescale_betas_zero_snr=True),
    }


class Peer:
    """A tiny model in the peers' own classes."""

    def __init__(self, seed=0):
        torch.manual_seed(seed)
        encoder = dict(vocab_size=49408, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
                       projection_dim=20, bos_token_id=0, eos_token_id=2)
        self.text_encoder = CLIPTextModel(CLIPTextConfig(**encoder, hidden_size=16))
        self.text_encoder_2 = CLIPTextModelWithProjection(CLIPTextConfig(**encoder, hidden_size=24, hidden_act="gelu"))
        self.unet = UNet2DConditionModel(
            sample_size=4, in_channels=8, out_channels=8, block_out_channels=[16, 32], layers_per_block=1,
            down_block_types=["DownBlock2D", "CrossAttnDownBlock2D"],
            up_block_types=["CrossAttnUpBlock2D", "UpBlock2D"], transformer_layers_per_block=1,
            attention_head_dim=[2, 4], cross_attention_dim=40, use_linear_projection=True, norm_num_groups=8,
            addition_embed_type="text_time", addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=20 + 48)
        with torch.no_grad():
            for module in (self.text_encoder, self.text_encoder_2):  # make the prompt matter
                for parameter in module.parameters():
                    parameter.mul_(3)
        self.tokenizer = clip_tokenizer(BUILD / "share" / "atelier" / "clip" / "bpe_simple_vocab_16e6.txt.gz")

    def save(self, folder, scheduler):
        for name in ("text_encoder", "text_encoder_2", "unet"):
            getattr(self, name).save_pretrained(folder / name)
        scheduler.save_pretrained(folder / "scheduler")
        (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline"}')
        (folder / "vae").mkdir()
        (folder / "vae" / "config.json").write_text('{"_class_name": "DctAutoencoder"}')

    def encode(self, prompt):
        ids = self.tokenizer(prompt, truncation=True, max_length=77).input_ids
        ids_1, ids_2 = (torch.tensor([ids + [pad] * (77 - len(ids))]) for pad in (49407, 0))
        first = self.text_encoder(ids_1, output_hidden_states=True)
        second = self.text_encoder_2(ids_2, output_hidden_states=True)
        return torch.cat([first.hidden_states[-2], second.hidden_states[-2]], -1), second.text_embeds

    @torch.no_grad()
    def draw(self, scheduler, prompt, negative, steps, guidance, noise):
        """[H, W, 3] u8."""
        (wanted, wanted_pooled), (unwanted, unwanted_pooled) = self.encode(prompt), self.encode(negative)
        if not negative:  # force_zeros_for_empty_prompt, as diffusers' pipeline does unless its file says otherwise
            unwanted, unwanted_pooled = torch.zeros_like(unwanted), torch.zeros_like(unwanted_pooled)
        conditions = {"text_embeds": torch.cat([unwanted_pooled, wanted_pooled]),
                      "time_ids": torch.tensor([[SIDES[1], SIDES[0], 0, 0, SIDES[1], SIDES[0]]] * 2)}
        scheduler.set_timesteps(steps)
        sample = noise * scheduler.init_noise_sigma
        for timestep in scheduler.timesteps:
            both = scheduler.scale_model_input(torch.cat([sample] * 2), timestep)
            states = torch.cat([unwanted, wanted])
            away, towards = self.unet(both, timestep, states, added_cond_kwargs=conditions).sample.chunk(2)
            sample = scheduler.step(away + guidance * (towards - away), timestep, sample).prev_sample
        return decode(sample[0].double().numpy())


def decode(latents):
    height, width = latents.shape[1:]
    spectrum = numpy.zeros((3, height, width, 8, 8))
    for value, (colour, v, u, mean, deviation) in zip(latents, DCT):
        spectrum[colour, :, :, v, u] = value * deviation + mean
    ycbcr = idctn(spectrum, axes=(-2, -1), norm="ortho").transpose(0, 1, 3, 2, 4).reshape(3, height * 8, width * 8)
    pixels = numpy.einsum("ij,jhw->hwi", numpy.linalg.inv(TO_YCBCR), ycbcr)
    return ((pixels + 1) * 127.5).round().clip(0, 255)


@pytest.fixture(scope="module")
def peer():
    return Peer()


@pytest.fixture(scope="module")
def model(peer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    peer.save(folder, schedulers()["ddim-v"])
    return folder


def sample(model, *args, check=True, size=True):
    sides = ["--width", SIDES[0], "--height", SIDES[1]] if size else []
    return run("atelier-model", "sample", model, *sides, *args, check=check, env=ONE_THREAD)


def pixels(path):
    return numpy.asarray(Image.open(path)).astype(int)


def noise_file(folder, count):
    noise = torch.randn(count, 8, SIDES[1] // 8, SIDES[0] // 8, generator=torch.Generator().manual_seed(1))
    save_file({"noise": noise}, folder / "noise.safetensors")
    return noise, folder / "noise.safetensors"


@pytest.mark.parametrize("name", list(schedulers()))
def test_pictures_are_those_of_transformers_diffusers_and_scipy(name, peer, tmp_path):
    scheduler = schedulers()[name]
    peer.save(tmp_path / "model", scheduler)
    noise, path = noise_file(tmp_path, 2)
    prompts = ["1girl, solo, red hair", "a castle on a hill at dawn"]
    (tmp_path / "prompts.txt").write_text("\n".join(["# two", prompts[0], "", prompts[1]]))
    sample(tmp_path / "model", "--prompts", tmp_path / "prompts.txt", "--negative-prompt", "blurry", "--steps", 6,
           "--guidance-scale", 4, "--noise", path, "--out", tmp_path / "out")
    for i, prompt in enumerate(prompts):
        ours = pixels(tmp_path / "out" / f"{i:04d}-0.png")
        theirs = peer.draw(scheduler, prompt, "blurry", 6, 4, noise[i:i + 1])
        assert ours.std() > 10, "a flat picture proves nothing"
        assert numpy.abs(ours - theirs).max() <= 1 and (ours != theirs).mean() < 0.01
    other = peer.draw(scheduler, prompts[0], "blurry", 6, 4, noise[1:])
    assert (other != theirs).mean() > 0.05, "the prompt does not matter to this model"


def test_a_lora_is_the_merged_weight(peer, model, tmp_path):
    torch.manual_seed(5)
    merged, lora, weight, alpha = Peer(), {}, 0.7, 2.0
    targets = {
        "lora_unet_input_blocks_3_1_transformer_blocks_0_attn1_to_q":
            merged.unet.down_blocks[1].attentions[0].transformer_blocks[0].attn1.to_q,
        "lora_te1_text_model_encoder_layers_0_mlp_fc1":
            dict(merged.text_encoder.named_modules())["encoder.layers.0.mlp.fc1"],
        "lora_te2_text_model_encoder_layers_0_self_attn_v_proj":
            dict(merged.text_encoder_2.named_modules())["text_model.encoder.layers.0.self_attn.v_proj"],
    }
    for name, linear in targets.items():
        down, up = torch.randn(4, linear.in_features), torch.randn(linear.out_features, 4)
        lora |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up, f"{name}.alpha": torch.tensor(alpha)}
        with torch.no_grad():
            linear.weight += weight * alpha / 4 * up @ down
    save_file(lora, tmp_path / "lora.safetensors")
    noise, path = noise_file(tmp_path, 1)
    arguments = ["--prompt", "an elf", "--steps", 4, "--noise", path]
    sample(model, *arguments, "--out", tmp_path / "with.png", "--lora", f"{tmp_path / 'lora.safetensors'}:{weight}")
    sample(model, *arguments, "--out", tmp_path / "without.png")
    expected = merged.draw(schedulers()["ddim-v"], "an elf", "", 4, 5, noise)
    assert numpy.abs(pixels(tmp_path / "with.png") - expected).max() <= 1
    assert (pixels(tmp_path / "without.png") != expected).mean() > 0.1
    assert "<lora:lora:0.7>" in Image.open(tmp_path / "with.png").text["parameters"]


def read_parameters(path):
    """What a web UI makes of a PNG's text: A1111's parse_generation_parameters, retold from its two expressions."""
    pair = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
    with Image.open(path) as image:
        *lines, last = image.text["parameters"].strip().split("\n")
    assert len(pair.findall(last)) >= 3, "a last line with fewer pairs is taken for a part of the prompt"
    prompts, where = {"prompt": [], "negative": []}, "prompt"
    for line in lines:
        if line.startswith("Negative prompt:"):
            where, line = "negative", line[len("Negative prompt:"):].strip()
        prompts[where].append(line)
    values = {key: json.loads(value) if value.startswith('"') else value for key, value in pair.findall(last)}
    width, height = map(int, re.fullmatch(r"(\d+)x(\d+)", values["Size"]).groups())
    return {**values, "prompt": "\n".join(prompts["prompt"]), "negative": "\n".join(prompts["negative"]),
            "size": (width, height)}


def test_a_single_picture_carries_its_parameters(model, tmp_path):
    result = sample(model, "--prompt", "a knight, blue armour", "--negative-prompt", "männlich", "--seed", 41,
                    "--steps", 3, "--guidance-scale", 3.5, "--sampler", "dpmpp_2m_karras", "--guidance-rescale", 0.7,
                    "--out", tmp_path / "one.png")
    assert result.stdout == f"{tmp_path / 'one.png'}\n"
    with Image.open(tmp_path / "one.png") as image:
        assert image.size == SIDES and image.mode == "RGB"
    read = read_parameters(tmp_path / "one.png")
    assert read["prompt"] == "a knight, blue armour" and read["negative"] == "männlich" and read["size"] == SIDES
    expected = {"Steps": "3", "Sampler": "DPM++ 2M", "Schedule type": "Karras", "CFG scale": "3.5", "Seed": "41",
                "Guidance rescale": "0.7", "Model": model.name}
    assert {key: read[key] for key in expected} == expected


def test_loras_and_odd_names_survive_the_web_uis_reader(peer, tmp_path):
    peer.save(tmp_path / "odd: a, v1.0", schedulers()["ddim-v"])
    name = "lora_unet_input_blocks_3_1_proj_in"
    tensors = {f"{name}.lora_down.weight": torch.ones(2, 32), f"{name}.lora_up.weight": torch.ones(32, 2)}
    save_file(tensors, tmp_path / "with.safetensors", metadata={"sshs_model_hash": "ab" * 32})
    save_file(tensors, tmp_path / "without.safetensors")
    sample(f"{tmp_path}/odd: a, v1.0/", "--prompt", "an elf,\nwood", "--steps", 1, "--clip-skip", 1, "--out",
           tmp_path / "one.png", "--lora", f"{tmp_path / 'with.safetensors'}:0.5", "--lora",
           tmp_path / "without.safetensors")
    read = read_parameters(tmp_path / "one.png")
    assert read["prompt"] == "an elf,\nwood <lora:with:0.5> <lora:without:1>" and read["negative"] == ""
    content = (tmp_path / "without.safetensors").read_bytes()
    hashed = hashlib.sha256(content[8 + int.from_bytes(content[:8], "little"):]).hexdigest()
    assert read["Lora hashes"] == f"with: {'ab' * 6}, without: {hashed[:12]}"
    assert read["Model"] == "odd: a, v1.0" and read["Clip skip"] == "1"


def test_a_prompt_file_sets_each_picture_by_itself(model, tmp_path):
    (tmp_path / "prompts.txt").write_text(
        "an elf --w 32 --h 48 --s 2 --d 5,9 --n blurry --ss euler_a\n# no picture\na dwarf --l 1.5\n"
        "an orc --w 32 --h 48 --s 2 --n blurry --ss euler_a\n")
    result = sample(model, "--prompts", tmp_path / "prompts.txt", "--steps", 1, "--batch-size", 8,
                    "--out", tmp_path / "out")
    names = ["0000-5.png", "0001-9.png", "0003-0.png", "0002-0.png", "grid.png"]
    assert result.stdout.split() == [str(tmp_path / "out" / name) for name in names], "equal settings share a batch"
    read = [read_parameters(tmp_path / "out" / name) for name in names[:-1]]
    assert [one["size"] for one in read] == [(32, 48)] * 3 + [SIDES]
    assert [one["Sampler"] for one in read] == ["Euler a"] * 3 + ["DDIM"]
    assert [one["CFG scale"] for one in read] == ["5"] * 3 + ["1.5"]
    sample(model, "--prompt", "an orc", "--negative-prompt", "blurry", "--sampler", "euler_a", "--steps", 2, "--width",
           32, "--height", 48, "--out", tmp_path / "one.png", size=False)
    difference = pixels(tmp_path / "one.png") - pixels(tmp_path / "out" / "0003-0.png")
    assert numpy.abs(difference).max() <= 1 and pixels(tmp_path / "one.png").std() > 10


def test_a_seed_draws_one_picture_and_another_seed_another(model, tmp_path):
    common = ["--prompt", "an elf", "--steps", 2, "--sampler", "euler_a"]
    result = sample(model, *common, "--seed", 7, "--count", 3, "--out", tmp_path / "many")
    assert result.stdout.split() == [str(tmp_path / "many" / name)
                                     for name in ("0000-7.png", "0001-8.png", "0002-9.png", "grid.png")]
    sample(model, *common, "--seed", 8, "--out", tmp_path / "one.png", "--device", "cpu")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "many" / "0001-8.png").read_bytes()
    assert (pixels(tmp_path / "many" / "0000-7.png") != pixels(tmp_path / "many" / "0001-8.png")).any()
    sample(model, *common, "--seed", 6, "--count", 3, "--batch-size", 3, "--out", tmp_path / "batch")
    for name, other in ("0001-7.png", "0000-7.png"), ("0002-8.png", "0001-8.png"):
        assert numpy.abs(pixels(tmp_path / "batch" / name) - pixels(tmp_path / "many" / other)).max() <= 1
    grid = pixels(tmp_path / "many" / "grid.png")
    assert (grid[4:36, 4:52] == pixels(tmp_path / "many" / "0000-7.png")).all()
    assert (grid[36:, :52] == 0).any(), "no label under the picture"


def test_what_a_file_does_not_say_of_its_schedule_can_be_said(peer, model, tmp_path):
    peer.save(tmp_path / "silent", DDIMScheduler(**COMMON, clip_sample=False, set_alpha_to_one=False))
    common = ["--prompt", "an elf", "--steps", 3, "--device", "cpu"]
    sample(model, *common, "--out", tmp_path / "said.png")
    sample(tmp_path / "silent", *common, "--v-prediction", "--zero-terminal-snr", "--out", tmp_path / "flags.png")
    sample(tmp_path / "silent", *common, "--out", tmp_path / "silent.png")
    sample(model, *common, "--timestep-spacing", "linspace", "--out", tmp_path / "spaced.png")
    assert (pixels(tmp_path / "said.png") == pixels(tmp_path / "flags.png")).all()
    assert (pixels(tmp_path / "said.png") != pixels(tmp_path / "silent.png")).mean() > 0.1
    assert (pixels(tmp_path / "said.png") != pixels(tmp_path / "spaced.png")).mean() > 0.1


def test_an_interrupt_keeps_the_pictures_that_are_done(model, tmp_path):
    command = [program("atelier-model"), "sample", model, "--prompt", "an elf", "--steps", "20", "--count", "5000",
               "--width", "32", "--height", "32", "--out", tmp_path / "out", "--latents-out", tmp_path / "latents"]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with subprocess.Popen(command, env=ONE_THREAD, **pipes) as process:
        announced = [process.stdout.readline().strip(), process.stdout.readline().strip()]
        process.send_signal(signal.SIGINT)
        announced += process.stdout.read().split()
        assert process.wait() == 130, process.stderr.read()
    assert sorted(map(str, (tmp_path / "out").iterdir())) == sorted(announced) and len(announced) < 1000
    assert all(pixels(path).shape == (32, 32, 3) for path in announced)
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "latents of half the pictures"


def test_the_models_own_size_is_the_default(model, tmp_path):
    run("atelier-model", "sample", "--steps", 1, "--out", tmp_path / "one.png", "--prompt", "x", model)
    assert Image.open(tmp_path / "one.png").size == (32, 32)


@pytest.mark.parametrize("arguments, told", [
    ([], "--prompt"),
    (["--prompt", "x", "--width", "50"], "multiples of 8"),
    (["--prompt", "x", "--sampler", "eular"], "euler"),
    (["--prompt", "x", "--steps", "0"], "steps"),
    (["--prompt", "x", "--lora", "absent.safetensors"], "absent.safetensors"),
    (["--prompt", "x", "--vae", "absent"], "absent"),
    (["--prompts", "absent.txt"], "absent.txt"),
    (["--prompt", "x", "--colour", "red"], "colour"),
    (["--prompt", "x", "--guidance-scale", "nan"], "0..1000"),
    (["--prompt", "x", "--guidance-scale", "-1"], "0..1000"),
    (["--prompt", "x", "--guidance-rescale", "1.5"], "0..1"),
    (["--prompt", "x", "--timestep-spacing", "even"], "trailing"),
    (["--prompt", "x", "--sampler", "unipc", "--timestep-spacing", "leading", "--steps", "1000"], "too many"),
    (["--prompt", "x", "--latents-out", "absent/latents.safetensors"], "absent"),
    (["--prompt", "x", "--noise", "absent.safetensors"], "absent.safetensors"),
])
def test_wrong_input_is_the_users_error(arguments, told, model, tmp_path):
    result = sample(model, *arguments, "--out", tmp_path / "one.png", check=False, size="--width" not in arguments)
    assert result.returncode == 2 and "error: " in result.stderr and told in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_fault_in_a_prompt_file_is_told_with_its_line(model, tmp_path):
    for line, told in [("an elf --w 100", "multiples of 8"), ("an elf --x 1", "--x")]:
        (tmp_path / "prompts.txt").write_text(f"fine\n\n{line}\n")
        result = sample(model, "--prompts", tmp_path / "prompts.txt", "--out", tmp_path / "out", check=False)
        assert result.returncode == 2 and f"{tmp_path}/prompts.txt:3" in result.stderr and told in result.stderr
    (tmp_path / "prompts.txt").write_text("an elf --w 32\nan elf --w 64\n")
    result = sample(model, "--prompts", tmp_path / "prompts.txt", "--latents-out", tmp_path / "latents.safetensors",
                    "--out", tmp_path / "out", check=False)
    assert result.returncode == 2 and "--latents-out" in result.stderr
    (tmp_path / "prompts.txt").write_text("# nothing\n")
    result = sample(model, "--prompts", tmp_path / "prompts.txt", "--out", tmp_path / "out", check=False)
    assert result.returncode == 2 and "prompts.txt" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["prompts.txt"]


def test_a_lora_of_another_model_is_told(model, tmp_path):
    name = "lora_unet_input_blocks_8_1_proj_in"
    save_file({f"{name}.lora_down.weight": torch.ones(2, 640), f"{name}.lora_up.weight": torch.ones(640, 2)},
              tmp_path / "lora.safetensors")
    result = sample(model, "--prompt", "x", "--lora", tmp_path / "lora.safetensors", "--out", tmp_path / "one.png",
                    check=False)
    assert result.returncode == 2 and "lora.safetensors" in result.stderr
    assert not (tmp_path / "one.png").exists()

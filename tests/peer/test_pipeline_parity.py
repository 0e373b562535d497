# labels: integration parity torch
"""`sample` against diffusers' StableDiffusionXLPipeline: the same noise becomes the same latents with every sampler."""

import json
import os
import sys
from pathlib import Path

import pytest
import torch
from diffusers import (AutoencoderKL, DDIMScheduler, DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler,
                       EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel, UniPCMultistepScheduler)
from diffusers.schedulers import scheduling_dpmsolver_multistep, scheduling_euler_ancestral_discrete
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.clip_peer import clip_tokenizer  # noqa: E402
from support.programs import BUILD, run  # noqa: E402

torch.set_num_threads(1)  # the models are tiny
STEPS = 20
BOUND = 3e-5
SDE = dict(algorithm_type="sde-dpmsolver++")
SAMPLERS = {
    "euler": (EulerDiscreteScheduler, {}),
    "euler_a": (EulerAncestralDiscreteScheduler, {}),
    "ddim": (DDIMScheduler, dict(clip_sample=False)),
    "dpmpp_2m": (DPMSolverMultistepScheduler, {}),
    "dpmpp_2m_karras": (DPMSolverMultistepScheduler, dict(use_karras_sigmas=True)),
    "dpmpp_2m_sde": (DPMSolverMultistepScheduler, SDE),
    "dpmpp_2m_sde_karras": (DPMSolverMultistepScheduler, dict(SDE, use_karras_sigmas=True)),
    "unipc": (UniPCMultistepScheduler, {}),
}
SCHEDULES = {
    "epsilon": dict(prediction_type="epsilon", timestep_spacing="leading", steps_offset=1),
    "v-ztsnr": dict(prediction_type="v_prediction", timestep_spacing="trailing", rescale_betas_zero_snr=True),
}
BETAS = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
# prompt, negative prompt, width, height
SHOTS = [("1girl, solo, red hair", "lowres, bad anatomy", 64, 48), ("a castle on a hill at dawn", "", 48, 64)]


def tiny_pipeline(refiner=False):
    torch.manual_seed(3)
    encoder = dict(vocab_size=49408, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
                   projection_dim=20, bos_token_id=0, eos_token_id=2)
    first = CLIPTextModel(CLIPTextConfig(**encoder, hidden_size=16))
    second = CLIPTextModelWithProjection(CLIPTextConfig(**encoder, hidden_size=24, hidden_act="gelu"))
    with torch.no_grad():
        for parameter in [*first.parameters(), *second.parameters()]:  # make the prompt matter
            parameter.mul_(3)
    unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=[16, 32], layers_per_block=1, norm_num_groups=8,
        down_block_types=["DownBlock2D", "CrossAttnDownBlock2D"], up_block_types=["CrossAttnUpBlock2D", "UpBlock2D"],
        transformer_layers_per_block=1, attention_head_dim=[2, 4], cross_attention_dim=24 if refiner else 40,
        use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=20 + 8 * (5 if refiner else 6))
    vae = AutoencoderKL(block_out_channels=[8] * 4, down_block_types=["DownEncoderBlock2D"] * 4, norm_num_groups=4,
                        up_block_types=["UpDecoderBlock2D"] * 4, latent_channels=4, sample_size=64)
    tokenizers = []
    for pad in ("<|endoftext|>", "!"):
        tokenizers.append(clip_tokenizer(BUILD / "share" / "atelier" / "clip" / "bpe_simple_vocab_16e6.txt.gz"))
        tokenizers[-1].model_max_length = 77
        tokenizers[-1].pad_token = pad
    pipeline = StableDiffusionXLPipeline(vae=vae, text_encoder=None if refiner else first, text_encoder_2=second,
                                         tokenizer=None if refiner else tokenizers[0], tokenizer_2=tokenizers[1],
                                         unet=unet, scheduler=EulerDiscreteScheduler(**BETAS), add_watermarker=False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def save(pipeline, folder, scheduler, **index):
    for name in ("text_encoder", "text_encoder_2", "unet", "vae"):
        if getattr(pipeline, name) is not None:
            getattr(pipeline, name).save_pretrained(folder / name)
    scheduler.save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionXLPipeline", **index}))
    return folder


@pytest.fixture(scope="module")
def pipeline():
    return tiny_pipeline()


def sample(model, *args):
    run("atelier-model", "sample", model, *args, env={**os.environ, "OMP_NUM_THREADS": "1"})


def relative(ours, theirs):
    return ((ours.double() - theirs.double()).norm() / theirs.double().norm()).item()


def draw(pipeline, scheduler, shot, noise, step_noise, **arguments):
    """diffusers' latents [4, h, w], its stochastic schedulers drawing `step_noise` [steps, 1, 4, h, w]."""
    prompt, negative, width, height = shot
    draws = iter(step_noise)
    pipeline.scheduler = scheduler
    with pytest.MonkeyPatch.context() as patch:
        for module in (scheduling_euler_ancestral_discrete, scheduling_dpmsolver_multistep):
            patch.setattr(module, "randn_tensor", lambda *args, **kwargs: next(draws))
        return pipeline(prompt=prompt, negative_prompt=negative or None, width=width, height=height, latents=noise,
                        num_inference_steps=STEPS, output_type="latent", **arguments).images[0]


@pytest.mark.parametrize("schedule, shot", list(zip(SCHEDULES, SHOTS)), ids=["epsilon", "v-ztsnr, empty negative"])
def test_latents_are_those_of_diffusers_with_every_sampler(schedule, shot, pipeline, tmp_path):
    prompt, negative, width, height = shot
    options = dict(BETAS, **SCHEDULES[schedule])
    model = save(pipeline, tmp_path / "model", EulerDiscreteScheduler(**options))
    generator = torch.Generator().manual_seed(1)
    shape = (len(SAMPLERS), 4, height // 8, width // 8)
    noise, step_noise = torch.randn(shape, generator=generator), torch.randn((STEPS, *shape), generator=generator)
    save_file({"noise": noise, "step_noise": step_noise}, tmp_path / "noise.safetensors")
    (tmp_path / "prompts.txt").write_text("\n".join(f"{prompt} --ss {name}" for name in SAMPLERS))
    sample(model, "--prompts", tmp_path / "prompts.txt", "--negative-prompt", negative,
           "--width", width, "--height", height, "--steps", STEPS, "--guidance-scale", 5, "--guidance-rescale", 0.7,
           "--noise", tmp_path / "noise.safetensors", "--latents-out", tmp_path / "latents.safetensors",
           "--out", tmp_path / "grid.png")
    ours = load_file(tmp_path / "latents.safetensors")["latents"]
    errors = {}
    for i, (name, (kind, own)) in enumerate(SAMPLERS.items()):
        theirs = draw(pipeline, kind(**options, **own), shot, noise[i:i + 1], step_noise[:, i:i + 1],
                      guidance_scale=5, guidance_rescale=0.7)
        errors[name] = relative(ours[i], theirs)
    print(schedule, {name: f"{error:.1e}" for name, error in errors.items()})
    assert max(errors.values()) < BOUND, errors
    assert relative(ours[0], ours[1]) > 0.1, "all samplers draw the same"


@pytest.mark.parametrize("name", ["dpmpp_2m_sde_karras", "unipc"])
def test_the_models_own_scheduler_file_chooses_the_sampler(name, pipeline, tmp_path):
    kind, own = SAMPLERS[name]
    scheduler = kind(**BETAS, **own, timestep_spacing="linspace")
    model = save(pipeline, tmp_path / "model", scheduler)
    noise, step_noise = torch.randn(1, 4, 6, 8), torch.randn(STEPS, 1, 4, 6, 8)
    save_file({"noise": noise, "step_noise": step_noise}, tmp_path / "noise.safetensors")
    sample(model, "--prompt", SHOTS[0][0], "--negative-prompt", SHOTS[0][1], "--width", 64,
           "--height", 48, "--steps", STEPS, "--noise", tmp_path / "noise.safetensors", "--out", tmp_path / "one.png",
           "--latents-out", tmp_path / "latents.safetensors")
    theirs = draw(pipeline, scheduler, SHOTS[0], noise, step_noise, guidance_scale=5)
    assert relative(load_file(tmp_path / "latents.safetensors")["latents"][0], theirs) < BOUND


def test_sizes_and_an_encoded_empty_negative_are_told_as_diffusers_does(pipeline, tmp_path):
    scheduler = EulerDiscreteScheduler(**BETAS)
    model = save(pipeline, tmp_path / "model", scheduler, force_zeros_for_empty_prompt=False)
    noise = torch.randn(1, 4, 6, 8)
    save_file({"noise": noise}, tmp_path / "noise.safetensors")
    (tmp_path / "prompts.txt").write_text(
        f"an elf --w 64 --h 48 --ow 1024 --oh 900 --ct 16 --cl 200 --nw 128 --nh 64 --s {STEPS} --l 6")
    sample(model, "--prompts", tmp_path / "prompts.txt", "--noise", tmp_path / "noise.safetensors",
           "--out", tmp_path / "one.png", "--latents-out", tmp_path / "latents.safetensors")
    ours = load_file(tmp_path / "latents.safetensors")["latents"][0]
    pipeline.register_to_config(force_zeros_for_empty_prompt=False)
    told = dict(original_size=(900, 1024), crops_coords_top_left=(16, 200), negative_original_size=(64, 128),
                negative_crops_coords_top_left=(16, 200), negative_target_size=(48, 64), guidance_scale=6)
    theirs = draw(pipeline, scheduler, ("an elf", "", 64, 48), noise, [], **told)
    zeroed = dict(told, negative_original_size=(48, 64))
    other = draw(pipeline, scheduler, ("an elf", "", 64, 48), noise, [], **zeroed)
    pipeline.register_to_config(force_zeros_for_empty_prompt=True)
    assert relative(ours, theirs) < BOUND < relative(other, theirs)


def test_the_refiner_is_told_its_aesthetic_scores(tmp_path):
    """diffusers draws with the refiner from pictures only: its UNet and scheduler, step by step, from noise."""
    pipeline = tiny_pipeline(refiner=True)
    scheduler = EulerDiscreteScheduler(**BETAS)
    model = save(pipeline, tmp_path / "model", scheduler)
    noise = torch.randn(1, 4, 6, 8)
    save_file({"noise": noise}, tmp_path / "noise.safetensors")
    sample(model, "--prompt", "an elf", "--negative-prompt", "lowres", "--width", 64,
           "--height", 48, "--steps", STEPS, "--noise", tmp_path / "noise.safetensors",
           "--out", tmp_path / "one.png", "--latents-out", tmp_path / "latents.safetensors")
    with torch.no_grad():
        states, negative, pooled, negative_pooled = pipeline.encode_prompt("an elf", negative_prompt="lowres")
        added = {"text_embeds": torch.cat([negative_pooled, pooled]),
                 "time_ids": torch.tensor([[48, 64, 0, 0, 2.5], [48, 64, 0, 0, 6.0]])}
        scheduler.set_timesteps(STEPS)
        noisy = noise * scheduler.init_noise_sigma
        for timestep in scheduler.timesteps:
            both = scheduler.scale_model_input(torch.cat([noisy] * 2), timestep)
            away, towards = pipeline.unet(both, timestep, torch.cat([negative, states]),
                                          added_cond_kwargs=added).sample.chunk(2)
            noisy = scheduler.step(away + 5 * (towards - away), timestep, noisy).prev_sample
    assert relative(load_file(tmp_path / "latents.safetensors")["latents"], noisy) < BOUND

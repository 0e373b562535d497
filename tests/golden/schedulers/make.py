"""Writes schedulers.safetensors: what diffusers' schedulers do with fixed model outputs, step by step.

Run with the interpreter of requirements-test.txt: `python tests/golden/schedulers/make.py`.
tests/peer/test_scheduler_parity.py checks that the committed file is what this makes.
"""

import itertools
import pathlib
import warnings

import numpy as np
import torch
from diffusers import (DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler,
                       EulerDiscreteScheduler, UniPCMultistepScheduler)
from diffusers.schedulers import scheduling_dpmsolver_multistep, scheduling_euler_ancestral_discrete
from safetensors.torch import save_file

SHAPE = (1, 2, 3, 3)
STEPS = 8
BASE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
STEP_COUNTS = [1, 2, 3, 7, 10, 20, 25, 28, 30, 33, 50, 100, 333, 500]
SDE = dict(algorithm_type="sde-dpmsolver++")
SAMPLERS = {
    "ddim": (DDIMScheduler, dict(clip_sample=False)),
    "euler": (EulerDiscreteScheduler, {}),
    "euler_a": (EulerAncestralDiscreteScheduler, {}),
    "dpmpp_2m": (DPMSolverMultistepScheduler, {}),
    "dpmpp_2m_karras": (DPMSolverMultistepScheduler, dict(use_karras_sigmas=True)),
    "dpmpp_2m_sde": (DPMSolverMultistepScheduler, SDE),
    "dpmpp_2m_sde_karras": (DPMSolverMultistepScheduler, dict(SDE, use_karras_sigmas=True)),
    "unipc": (UniPCMultistepScheduler, {}),
}


def make_scheduler(sampler, prediction, spacing, zero_snr, alpha_to_one=False):
    kind, own = SAMPLERS[sampler]
    if sampler == "ddim":
        own = dict(own, set_alpha_to_one=alpha_to_one)
    return kind(**BASE, **own, prediction_type=prediction, timestep_spacing=spacing, rescale_betas_zero_snr=zero_snr,
                steps_offset=1)


def with_step_noise(draw):
    """Stochastic schedulers draw with `draw()` from here on."""
    for module in (scheduling_euler_ancestral_discrete, scheduling_dpmsolver_multistep):
        module.randn_tensor = lambda shape, **kwargs: draw().reshape(shape)


def run(scheduler, noise, outputs, step_noise):
    """The model inputs of every step for the model's fixed answers, and the sample at the end."""
    draws = iter(step_noise)
    with_step_noise(lambda: next(draws))
    scheduler.set_timesteps(len(outputs))
    sample, inputs = noise * scheduler.init_noise_sigma, []
    for timestep, output in zip(scheduler.timesteps, outputs):
        inputs.append(scheduler.scale_model_input(sample, timestep))
        sample = scheduler.step(output, timestep, sample).prev_sample
    return dict(inputs=torch.stack(inputs), timesteps=scheduler.timesteps.double(), result=sample)


def sampler_cases(tensors):
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(SHAPE, generator=generator)
    outputs, step_noise = (torch.randn((STEPS, *SHAPE), generator=generator) for _ in range(2))
    tensors |= dict(noise=noise, outputs=outputs, step_noise=step_noise)
    predictions, spacings = ["epsilon", "v_prediction"], ["leading", "trailing", "linspace"]
    cases = itertools.product(SAMPLERS, predictions, spacings, [0, 1], [0, 1])
    for sampler, prediction, spacing, zero_snr, alpha_to_one in cases:
        if sampler != "ddim" and alpha_to_one:
            continue  # no such option
        if prediction == "epsilon" and zero_snr and sampler == "ddim":
            continue  # divides by zero
        scheduler = make_scheduler(sampler, prediction, spacing, bool(zero_snr), bool(alpha_to_one))
        name = f"{sampler}/{prediction}/{spacing}/{zero_snr}/{alpha_to_one}"
        for key, value in run(scheduler, noise, outputs, step_noise).items():
            tensors[f"sampler/{name}/{key}"] = value.contiguous()


def spacing_cases(tensors):
    for family, sampler in [("one-step", "euler"), ("multistep", "dpmpp_2m")]:
        for spacing, steps in itertools.product(["leading", "trailing", "linspace"], STEP_COUNTS):
            scheduler = make_scheduler(sampler, "epsilon", spacing, False)
            scheduler.set_timesteps(steps)
            if len(scheduler.timesteps) == steps:  # numpy's arange may run one too far
                tensors[f"spacing/{family}/{spacing}/{steps}"] = scheduler.timesteps.double().contiguous()


def schedule_cases(tensors):
    """The cumulative products in fp64 by numpy, and diffusers' noising in fp32."""
    for schedule, zero_snr in itertools.product(["linear", "scaled_linear"], [False, True]):
        root = 2.0 if schedule == "scaled_linear" else 1.0
        betas = np.linspace(BASE["beta_start"] ** (1 / root), BASE["beta_end"] ** (1 / root), 1000) ** root
        cumulative = np.cumprod(1 - betas)
        if zero_snr:
            signal = np.sqrt(cumulative)
            cumulative = ((signal - signal[-1]) * signal[0] / (signal[0] - signal[-1])) ** 2
        name = f"schedule/{schedule}/{int(zero_snr)}"
        tensors[f"{name}/alphas_cumprod"] = torch.from_numpy(cumulative)

        scheduler = DDPMScheduler(**dict(BASE, beta_schedule=schedule), rescale_betas_zero_snr=zero_snr)
        generator = torch.Generator().manual_seed(7)
        timesteps = torch.tensor([0, 1, 250, 500, 998, 999])
        latents, noise = (torch.randn((6, *SHAPE[1:]), generator=generator) for _ in range(2))
        tensors[f"{name}/timesteps"], tensors[f"{name}/latents"], tensors[f"{name}/noise"] = timesteps, latents, noise
        tensors[f"{name}/noisy"] = scheduler.add_noise(latents, noise, timesteps)
        tensors[f"{name}/velocity"] = scheduler.get_velocity(latents, noise, timesteps)


def make():
    warnings.filterwarnings("ignore")
    tensors = {}
    sampler_cases(tensors)
    spacing_cases(tensors)
    schedule_cases(tensors)
    return tensors


if __name__ == "__main__":
    save_file(make(), pathlib.Path(__file__).with_name("schedulers.safetensors"))

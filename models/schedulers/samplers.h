// From noise to a sample: one short function a method, all in one table.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "models/schedulers/noise_schedule.h"

namespace atelier {

/// The network's answer (epsilon or v, as the schedule says) to `sample` [B, C, h, w] at `timestep`, called once a
/// step.
using Denoiser = std::function<at::Tensor(const at::Tensor& sample, double timestep)>;

/// `noise` [B, C, h, w] is standard normal; returns the denoised latents, same shape. `steps` in
/// [1, num_train_timesteps].
using SamplerFunction = at::Tensor (*)(const NoiseSchedule& schedule, int64_t steps, const at::Tensor& noise,
                                       const Denoiser& denoiser);

/// Deterministic DDIM, eta = 0 (Song et al., "Denoising Diffusion Implicit Models", 2020, formula 12).
at::Tensor sample_ddim(const NoiseSchedule& schedule, int64_t steps, const at::Tensor& noise, const Denoiser& denoiser);
/// Euler's method on the probability-flow ODE in sigma (Karras et al., "Elucidating the Design Space", 2022, algorithm
/// 2 without churn and without the second-order correction).
at::Tensor sample_euler(const NoiseSchedule& schedule, int64_t steps, const at::Tensor& noise,
                        const Denoiser& denoiser);

struct Sampler {
  std::string_view name;             // "ddim": what --sampler takes
  std::string_view label;            // "DDIM": what the web UIs call it
  std::string_view scheduler_class;  // diffusers' class of the same method
  SamplerFunction run;
};

std::span<const Sampler> samplers();
/// By name; empty: the one of the schedule's scheduler class. ConfigError listing the names if unknown.
const Sampler& find_sampler(std::string_view name, const SchedulerOptions& options);

}  // namespace atelier

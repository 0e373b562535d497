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
/// Fresh standard normal noise [B, C, h, w] of step 0, 1, ...: what a stochastic sampler adds.
using StepNoise = std::function<at::Tensor(int64_t step)>;

/// What a sampler works on.
struct SamplerTask {
  const NoiseSchedule& schedule;
  int64_t steps;            // in [1, num_train_timesteps]
  const at::Tensor& noise;  // [B, C, h, w], standard normal: where it begins
  Denoiser denoiser;
  StepNoise step_noise;  // called by stochastic samplers only
};

/// Returns the denoised latents [B, C, h, w].
using SamplerFunction = at::Tensor (*)(const SamplerTask& task);

/// Deterministic DDIM, eta = 0 (Song et al., "Denoising Diffusion Implicit Models", 2020, formula 12).
at::Tensor sample_ddim(const SamplerTask& task);
/// Euler's method on the probability-flow ODE in sigma (Karras et al., "Elucidating the Design Space", 2022, algorithm
/// 2 without churn and without the second-order correction).
at::Tensor sample_euler(const SamplerTask& task);
/// Euler steps that go below the next sigma and add fresh noise up to it ("ancestral"), as in k-diffusion.
at::Tensor sample_euler_a(const SamplerTask& task);
/// DPM-Solver++(2M) (Lu et al., "DPM-Solver++", 2022, algorithm 2), on the model's spacing or Karras' sigmas.
at::Tensor sample_dpmpp_2m(const SamplerTask& task);
at::Tensor sample_dpmpp_2m_karras(const SamplerTask& task);
/// Its stochastic form, SDE-DPM-Solver++(2M) (the same paper, section 5).
at::Tensor sample_dpmpp_2m_sde(const SamplerTask& task);
at::Tensor sample_dpmpp_2m_sde_karras(const SamplerTask& task);
/// UniPC of order 2 with B2(h) (Zhao et al., "UniPC", 2023): DPM-Solver++(2M) as predictor, each sample corrected by
/// the network's answer at the next.
at::Tensor sample_unipc(const SamplerTask& task);

struct Sampler {
  std::string_view name;             // "ddim": what --sampler takes
  std::string_view alias;            // sd-scripts' other name for it, may be empty
  std::string_view label;            // "DDIM": what the web UIs call it
  std::string_view schedule_type;    // their "Schedule type" where their automatic choice differs, else empty
  std::string_view scheduler_class;  // diffusers' class of the same method
  std::string_view algorithm_type;   // its algorithm_type, empty where it has none
  bool karras;                       // its use_karras_sigmas
  SamplerFunction run;
};

std::span<const Sampler> samplers();
/// By name; empty: the one of the schedule's scheduler class. ConfigError listing the names if unknown.
const Sampler& find_sampler(std::string_view name, const SchedulerOptions& options);

}  // namespace atelier

// The schedule as solvers in sigma see it, and the network's answer in their terms.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "models/schedulers/samplers.h"

namespace atelier {

/// sigma = sqrt((1 - acp) / acp): the noise beside a signal of 1 (Karras et al., "Elucidating the Design Space of
/// Diffusion-Based Generative Models", 2022). A solver's sample is clean + sigma * noise; the network sees it divided
/// by sqrt(1 + sigma^2). diffusers' 2^-24 stands for an acp of 0.
struct SigmaSteps {
  std::vector<double> timesteps;  // what the network is told, one a step
  std::vector<double> sigmas;     // one a step, falling, and the 0 at the end

  size_t count() const { return timesteps.size(); }
};

/// Of one-step solvers (Euler): spaced_timesteps().
SigmaSteps sigma_steps(const NoiseSchedule& schedule, int64_t steps);
/// Of multistep solvers: multistep_timesteps().
SigmaSteps multistep_sigma_steps(const NoiseSchedule& schedule, int64_t steps);
/// Karras et al. 2022, formula 5 with rho = 7 from the schedule's greatest to its least sigma; the network is told the
/// nearest whole timestep, as in diffusers' DPMSolverMultistepScheduler.
SigmaSteps karras_sigma_steps(const NoiseSchedule& schedule, int64_t steps);

/// One step's question to the network about `sample` [B, C, h, w] at noise `sigma`.
struct SigmaQuestion {
  const NoiseSchedule& schedule;
  const Denoiser& denoiser;
  const at::Tensor& sample;
  double timestep, sigma;
};

/// The picture that the network sees in the sample. [B, C, h, w]
at::Tensor clean_estimate(const SigmaQuestion& question);
/// d sample / d sigma = (sample - clean) / sigma, without the subtraction. [B, C, h, w]
at::Tensor slope_estimate(const SigmaQuestion& question);

}  // namespace atelier

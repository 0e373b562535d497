#include <ATen/ATen.h>

#include <cmath>

#include "models/schedulers/sigmas.h"

namespace atelier {
namespace {

// Leading spacing does not begin at the very end, so its first sample holds some signal (here: zero).
at::Tensor euler_start(const SamplerTask& task, double sigma) {
  const bool leading = task.schedule.options().timestep_spacing == "leading";
  return task.noise * (leading ? std::hypot(sigma, 1.0) : sigma);
}

}  // namespace

at::Tensor sample_euler(const SamplerTask& task) {
  const SigmaSteps steps = sigma_steps(task.schedule, task.steps);
  at::Tensor sample = euler_start(task, steps.sigmas[0]);
  for (size_t i = 0; i < steps.count(); ++i) {
    const double sigma = steps.sigmas[i], next = steps.sigmas[i + 1];
    sample =
        sample + slope_estimate({task.schedule, task.denoiser, sample, steps.timesteps[i], sigma}) * (next - sigma);
  }
  return sample;
}

at::Tensor sample_euler_a(const SamplerTask& task) {
  const SigmaSteps steps = sigma_steps(task.schedule, task.steps);
  at::Tensor sample = euler_start(task, steps.sigmas[0]);
  for (size_t i = 0; i < steps.count(); ++i) {
    const double sigma = steps.sigmas[i], next = steps.sigmas[i + 1];
    // next^2 = below^2 + fresh^2, with the share of fresh noise that the reversed diffusion would add.
    const double below = next * next / sigma, fresh = std::sqrt(next * next - below * below);
    sample =
        sample + slope_estimate({task.schedule, task.denoiser, sample, steps.timesteps[i], sigma}) * (below - sigma);
    if (fresh > 0) sample = sample + task.step_noise(static_cast<int64_t>(i)) * fresh;
  }
  return sample;
}

}  // namespace atelier

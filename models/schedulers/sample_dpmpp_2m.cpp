#include <ATen/ATen.h>

#include <cmath>

#include "models/schedulers/sigmas.h"

namespace atelier {
namespace {

// In lambda = -log(sigma) the sample's exact path for a clean picture D is x' = r x + (1 - r) D with r = sigma'/sigma.
// The second order extends D by half of its change since the step before, scaled to this step's length. The stochastic
// form goes that way twice (r^2) and adds the noise that is then missing.
at::Tensor dpmpp_2m(const SamplerTask& task, const SigmaSteps& steps, bool stochastic) {
  at::Tensor sample = task.noise * std::hypot(steps.sigmas[0], 1.0), previous;
  for (size_t i = 0; i < steps.count(); ++i) {
    const double sigma = steps.sigmas[i], next = steps.sigmas[i + 1];
    const at::Tensor clean = clean_estimate({task.schedule, task.denoiser, sample, steps.timesteps[i], sigma});
    at::Tensor towards = clean;
    if (i > 0 && next > 0) {  // the last step's length is infinite: first order, as the first has no step before it
      const double length = std::log(sigma / next), length_before = std::log(steps.sigmas[i - 1] / sigma);
      towards = clean + (clean - previous) * (0.5 * length / length_before);
    }
    const double ratio = next / sigma, keep = stochastic ? ratio * ratio : ratio;
    sample = sample * keep + towards * (1 - keep);
    if (stochastic && next > 0) {
      sample = sample + task.step_noise(static_cast<int64_t>(i)) * (next * std::sqrt(1 - ratio * ratio));
    }
    previous = clean;
  }
  return sample;
}

}  // namespace

at::Tensor sample_dpmpp_2m(const SamplerTask& task) {
  return dpmpp_2m(task, multistep_sigma_steps(task.schedule, task.steps), false);
}

at::Tensor sample_dpmpp_2m_karras(const SamplerTask& task) {
  return dpmpp_2m(task, karras_sigma_steps(task.schedule, task.steps), false);
}

at::Tensor sample_dpmpp_2m_sde(const SamplerTask& task) {
  return dpmpp_2m(task, multistep_sigma_steps(task.schedule, task.steps), true);
}

at::Tensor sample_dpmpp_2m_sde_karras(const SamplerTask& task) {
  return dpmpp_2m(task, karras_sigma_steps(task.schedule, task.steps), true);
}

}  // namespace atelier

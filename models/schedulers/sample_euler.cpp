#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "models/schedulers/samplers.h"
#include "models/schedulers/timestep_spacing.h"

namespace atelier {
namespace {

// sigma = sqrt((1 - acp) / acp) at a timestep that may be fractional: linear between its neighbours, as in diffusers,
// whose 2^-24 stands for an acp of 0 as well.
double sigma_at(const NoiseSchedule& schedule, double timestep) {
  const auto at_step = [&](int64_t t) {
    const double signal = std::max(schedule.alpha_cumprod(t), std::exp2(-24));
    return std::sqrt((1 - signal) / signal);
  };
  const auto below = static_cast<int64_t>(std::floor(timestep));
  const int64_t above = std::min(below + 1, schedule.num_train_timesteps() - 1);
  const double share = timestep - static_cast<double>(below);
  return at_step(below) * (1 - share) + at_step(above) * share;
}

}  // namespace

at::Tensor sample_euler(const NoiseSchedule& schedule, int64_t steps, const at::Tensor& noise,
                        const Denoiser& denoiser) {
  const bool velocity = schedule.prediction_type() == PredictionType::kVPrediction;
  const std::vector<double> timesteps = spaced_timesteps(schedule.options(), steps);
  std::vector<double> sigmas;
  for (const double timestep : timesteps) sigmas.push_back(sigma_at(schedule, timestep));
  sigmas.push_back(0);

  // Leading spacing does not begin at the very end, so its first sample holds some signal (here: zero).
  const bool leading = schedule.options().timestep_spacing == "leading";
  at::Tensor sample = noise * (leading ? std::hypot(sigmas[0], 1.0) : sigmas[0]);
  for (size_t i = 0; i < timesteps.size(); ++i) {
    const double sigma = sigmas[i], scale = std::hypot(sigma, 1.0);
    const at::Tensor answer = denoiser(sample / scale, timesteps[i]);
    // With v, clean = sample / scale^2 - answer * sigma / scale; both lines are (sample - clean) / sigma.
    const at::Tensor slope = velocity ? sample * (sigma / (scale * scale)) + answer / scale : answer;
    sample = sample + slope * (sigmas[i + 1] - sigma);
  }
  return sample;
}

}  // namespace atelier

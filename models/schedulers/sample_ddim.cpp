#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "models/schedulers/samplers.h"
#include "models/schedulers/timestep_spacing.h"

namespace atelier {

at::Tensor sample_ddim(const SamplerTask& task) {
  const NoiseSchedule& schedule = task.schedule;
  const bool velocity = schedule.prediction_type() == PredictionType::kVPrediction;
  const double last_alpha = schedule.options().set_alpha_to_one ? 1.0 : schedule.alpha_cumprod(0);
  const int64_t stretch = schedule.num_train_timesteps() / task.steps;
  at::Tensor sample = task.noise;
  for (const double spaced : spaced_timesteps(schedule.options(), task.steps)) {
    const auto timestep = static_cast<int64_t>(std::nearbyint(spaced));
    // As diffusers: one even stretch down, even where the next visited timestep is one further.
    const double next = timestep >= stretch ? schedule.alpha_cumprod(timestep - stretch) : last_alpha;
    // An epsilon says nothing about the picture where there is only noise: 2^-24 keeps the division finite.
    const double here = std::max(schedule.alpha_cumprod(timestep), velocity ? 0.0 : std::exp2(-24));
    const double signal = std::sqrt(here), spread = std::sqrt(1 - here);

    const at::Tensor answer = task.denoiser(sample, static_cast<double>(timestep));
    const at::Tensor clean = velocity ? signal * sample - spread * answer : (sample - spread * answer) / signal;
    const at::Tensor epsilon = velocity ? signal * answer + spread * sample : answer;
    sample = std::sqrt(next) * clean + std::sqrt(1 - next) * epsilon;
  }
  return sample;
}

}  // namespace atelier

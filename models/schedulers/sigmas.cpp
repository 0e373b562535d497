#include "models/schedulers/sigmas.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/schedulers/timestep_spacing.h"

namespace atelier {
namespace {

double whole_sigma(const NoiseSchedule& schedule, int64_t timestep) {
  const double signal = std::max(schedule.alpha_cumprod(timestep), std::exp2(-24));
  return std::sqrt((1 - signal) / signal);
}

// Linear between whole timesteps, as in diffusers.
double sigma_at(const NoiseSchedule& schedule, double timestep) {
  const auto below = static_cast<int64_t>(std::floor(timestep));
  const int64_t above = std::min(below + 1, schedule.num_train_timesteps() - 1);
  const double share = timestep - static_cast<double>(below);
  return whole_sigma(schedule, below) * (1 - share) + whole_sigma(schedule, above) * share;
}

// The timestep of `sigma`, linear in log sigma between whole ones.
double timestep_of(const NoiseSchedule& schedule, double sigma) {
  int64_t low = 0, high = schedule.num_train_timesteps() - 1;
  while (high - low > 1) {  // sigma(low) <= sigma < sigma(high)
    const int64_t middle = (low + high) / 2;
    (whole_sigma(schedule, middle) <= sigma ? low : high) = middle;
  }
  if (low == high) return static_cast<double>(low);
  const double below = std::log(whole_sigma(schedule, low)), above = std::log(whole_sigma(schedule, high));
  return static_cast<double>(low) + std::clamp((std::log(sigma) - below) / (above - below), 0.0, 1.0);
}

SigmaSteps steps_at(const NoiseSchedule& schedule, std::vector<double> timesteps) {
  SigmaSteps result{std::move(timesteps), {}};
  for (const double timestep : result.timesteps) result.sigmas.push_back(sigma_at(schedule, timestep));
  result.sigmas.push_back(0);
  return result;
}

at::Tensor network_answer(const SigmaQuestion& question) {
  return question.denoiser(question.sample / std::hypot(question.sigma, 1.0), question.timestep);
}

}  // namespace

SigmaSteps sigma_steps(const NoiseSchedule& schedule, int64_t steps) {
  return steps_at(schedule, spaced_timesteps(schedule.options(), steps));
}

SigmaSteps multistep_sigma_steps(const NoiseSchedule& schedule, int64_t steps) {
  return steps_at(schedule, multistep_timesteps(schedule.options(), steps));
}

SigmaSteps karras_sigma_steps(const NoiseSchedule& schedule, int64_t steps) {
  require_steps(schedule.options(), steps);
  constexpr double kRho = 7;
  const double greatest = std::pow(whole_sigma(schedule, schedule.num_train_timesteps() - 1), 1 / kRho);
  const double least = std::pow(whole_sigma(schedule, 0), 1 / kRho);
  SigmaSteps result;
  for (int64_t i = 0; i < steps; ++i) {
    const double place = steps == 1 ? 0 : static_cast<double>(i) / static_cast<double>(steps - 1);
    result.sigmas.push_back(std::pow(greatest + place * (least - greatest), kRho));
    result.timesteps.push_back(std::nearbyint(timestep_of(schedule, result.sigmas.back())));
  }
  result.sigmas.push_back(0);
  return result;
}

at::Tensor clean_estimate(const SigmaQuestion& question) {
  const at::Tensor answer = network_answer(question);
  const double sigma = question.sigma, scale = std::hypot(sigma, 1.0);
  if (question.schedule.prediction_type() == PredictionType::kEpsilon) return question.sample - sigma * answer;
  return question.sample / (scale * scale) - answer * (sigma / scale);
}

at::Tensor slope_estimate(const SigmaQuestion& question) {
  const at::Tensor answer = network_answer(question);
  if (question.schedule.prediction_type() == PredictionType::kEpsilon) return answer;
  const double sigma = question.sigma, scale = std::hypot(sigma, 1.0);
  return question.sample * (sigma / (scale * scale)) + answer / scale;
}

}  // namespace atelier

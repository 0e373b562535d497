#include "models/schedulers/noise_schedule.h"

#include <ATen/ATen.h>

#include <cmath>

namespace atelier {
namespace {

// 1 - beta, multiplied up. scaled_linear is linear in sqrt(beta), as in latent diffusion.
std::vector<double> cumulative_alphas(const SchedulerOptions& options) {
  const bool scaled = options.beta_schedule == "scaled_linear";
  const double first = scaled ? std::sqrt(options.beta_start) : options.beta_start;
  const double last = scaled ? std::sqrt(options.beta_end) : options.beta_end;
  const int64_t count = options.num_train_timesteps;
  std::vector<double> result;
  double product = 1;
  for (int64_t i = 0; i < count; ++i) {
    const double place = count == 1 ? 0 : static_cast<double>(i) / static_cast<double>(count - 1);
    const double value = first + (last - first) * place;
    product *= 1 - (scaled ? value * value : value);
    result.push_back(product);
  }
  return result;
}

// Shifts sqrt(acp) so that the last is 0, scales it so that the first stays (Lin et al. 2023, algorithm 1).
void rescale_to_zero_terminal_snr(std::vector<double>& alphas_cumprod) {
  const double first = std::sqrt(alphas_cumprod.front());
  const double last = std::sqrt(alphas_cumprod.back());
  for (double& value : alphas_cumprod) {
    const double root = (std::sqrt(value) - last) * first / (first - last);
    value = root * root;
  }
}

}  // namespace

NoiseSchedule::NoiseSchedule(const SchedulerOptions& options)
    : options_(options),
      prediction_type_(options.prediction_type == "v_prediction" ? PredictionType::kVPrediction
                                                                 : PredictionType::kEpsilon),
      alphas_cumprod_(cumulative_alphas(options)) {
  if (options.rescale_betas_zero_snr && alphas_cumprod_.size() > 1) rescale_to_zero_terminal_snr(alphas_cumprod_);
  const at::Tensor alphas = at::tensor(alphas_cumprod_, at::kDouble);
  signal_ = alphas.sqrt();
  noise_ = (1 - alphas).sqrt();
}

double NoiseSchedule::snr(int64_t timestep) const {
  const double signal = alpha_cumprod(timestep);
  return signal / (1 - signal);
}

at::Tensor NoiseSchedule::add_noise(const at::Tensor& latents, const at::Tensor& noise,
                                    const at::Tensor& timesteps) const {
  return factors(signal_, timesteps, latents) * latents + factors(noise_, timesteps, latents) * noise;
}

at::Tensor NoiseSchedule::target(const at::Tensor& latents, const at::Tensor& noise,
                                 const at::Tensor& timesteps) const {
  if (prediction_type_ == PredictionType::kEpsilon) return noise;
  return factors(signal_, timesteps, latents) * noise - factors(noise_, timesteps, latents) * latents;
}

at::Tensor NoiseSchedule::factors(const at::Tensor& table, const at::Tensor& timesteps, const at::Tensor& like) {
  return table.index_select(0, timesteps).to(like.options()).view({-1, 1, 1, 1});
}

}  // namespace atelier

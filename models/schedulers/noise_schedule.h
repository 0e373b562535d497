// The diffusion process that training and sampling share: how much signal and noise a timestep holds.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "models/options/scheduler_options.h"

namespace atelier {

enum class PredictionType { kEpsilon, kVPrediction };

/// x_t = sqrt(acp_t) x_0 + sqrt(1 - acp_t) noise, acp the cumulative product of 1 - beta (Ho et al., "Denoising
/// Diffusion Probabilistic Models", 2020). With rescale_betas_zero_snr the last timestep is pure noise (Lin et al.,
/// "Common Diffusion Noise Schedules and Sample Steps are Flawed", 2023, algorithm 1). Everything in double on the
/// host; per-sample factors are cast to the latents' type.
class NoiseSchedule {
 public:
  explicit NoiseSchedule(const SchedulerOptions& options);

  const SchedulerOptions& options() const { return options_; }
  PredictionType prediction_type() const { return prediction_type_; }
  int64_t num_train_timesteps() const { return static_cast<int64_t>(alphas_cumprod_.size()); }

  /// acp of timestep 0, 1, ..., falling; 0 at the end with zero terminal SNR.
  const std::vector<double>& alphas_cumprod() const { return alphas_cumprod_; }
  double alpha_cumprod(int64_t timestep) const { return alphas_cumprod_.at(static_cast<size_t>(timestep)); }
  /// acp / (1 - acp): the signal-to-noise ratio that min-SNR weights use.
  double snr(int64_t timestep) const;

  /// x_t of each sample. `latents`, `noise` [B, C, h, w]; `timesteps` [B] int64 on the CPU, wherever the others are: to
  /// look them up, the host would wait for a device that had them.
  at::Tensor add_noise(const at::Tensor& latents, const at::Tensor& noise, const at::Tensor& timesteps) const;
  /// What the network shall answer: the noise, or v = sqrt(acp_t) noise - sqrt(1 - acp_t) x_0 (Salimans and Ho,
  /// "Progressive Distillation", 2022). Shapes as in add_noise.
  at::Tensor target(const at::Tensor& latents, const at::Tensor& noise, const at::Tensor& timesteps) const;

 private:
  /// [B, 1, 1, 1] on the device and of the type of `like`.
  static at::Tensor factors(const at::Tensor& table, const at::Tensor& timesteps, const at::Tensor& like);

  SchedulerOptions options_;
  PredictionType prediction_type_;
  std::vector<double> alphas_cumprod_;
  at::Tensor signal_, noise_;  // [timesteps] double on the CPU: sqrt(acp), sqrt(1 - acp)
};

}  // namespace atelier

// What diffusers' scheduler_config.json says about the noise schedule and the default sampler.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace atelier {

/// diffusers' names and defaults (of DDPMScheduler and its kin; the SDXL base model's file differs where noted).
struct SchedulerOptions {
  std::string class_name = "EulerDiscreteScheduler";  // decides the default sampler
  int64_t num_train_timesteps = 1000;
  double beta_start = 0.00085;
  double beta_end = 0.012;
  std::string beta_schedule = "scaled_linear";  // linear | scaled_linear
  std::string prediction_type = "epsilon";      // epsilon | v_prediction
  bool rescale_betas_zero_snr = false;
  std::string timestep_spacing = "leading";  // leading | trailing | linspace
  int64_t steps_offset = 1;                  // with leading spacing
  bool set_alpha_to_one = false;             // DDIM's last step: alpha 1 instead of that of timestep 0
  // DPMSolverMultistepScheduler alone:
  std::string algorithm_type = "dpmsolver++";  // dpmsolver++ | sde-dpmsolver++
  bool use_karras_sigmas = false;
};

/// Reads `scheduler_config.json`, or the folder that holds it. A key that changes the numbers in a way this program
/// does not compute (thresholding, trained_betas, exponential sigmas, ...) is a WeightsError naming key and file;
/// others are ignored, as diffusers does.
SchedulerOptions read_scheduler_options(const std::filesystem::path& path);

/// Writes `scheduler_config.json` into `folder`.
void write_scheduler_options(const SchedulerOptions& options, const std::filesystem::path& folder);

}  // namespace atelier

#include "models/options/scheduler_options.h"

#include <nlohmann/json.hpp>

#include "configs/base/atomic_file.h"
#include "models/options/config_json.h"

namespace atelier {
namespace {

constexpr const char* kFileName = "scheduler_config.json";
constexpr const char *kDpmSolver = "DPMSolverMultistepScheduler", *kUniPc = "UniPCMultistepScheduler";

// diffusers' own defaults where the file is silent: they differ between its classes.
std::string default_spacing(const std::string& class_name) {
  for (const char* linspace : {"EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", kDpmSolver, kUniPc}) {
    if (class_name == linspace) return "linspace";
  }
  return "leading";
}

// The multistep solvers come in many variants; ours are the ones that diffusers takes where the file is silent.
void read_multistep_solver(const ConfigJson& config, SchedulerOptions& options) {
  config.require("solver_order", "2");
  for (const char* key : {"use_lu_lambdas", "use_flow_sigmas", "use_dynamic_shifting", "lambda_min_clipped",
                          "variance_type", "solver_p"}) {
    config.require_off(key);
  }
  if (options.class_name == kDpmSolver) {
    options.algorithm_type = config.choice("algorithm_type", "dpmsolver++", {"dpmsolver++", "sde-dpmsolver++"});
    options.use_karras_sigmas = config.boolean("use_karras_sigmas", false);
    config.require("solver_type", "\"midpoint\"");
  } else {
    config.require_off("use_karras_sigmas");
    config.require("solver_type", "\"bh2\"");
    config.require("predict_x0", "true");
    config.require("lower_order_final", "true");
    config.require("disable_corrector", "[]");
  }
}

}  // namespace

SchedulerOptions read_scheduler_options(const std::filesystem::path& path) {
  const ConfigJson config(path, kFileName);
  SchedulerOptions options;
  options.class_name = config.string("_class_name", options.class_name);
  options.num_train_timesteps = config.count("num_train_timesteps", 1000);
  options.beta_start = config.number("beta_start", 0.0001);
  options.beta_end = config.number("beta_end", 0.02);
  options.beta_schedule = config.choice("beta_schedule", "linear", {"linear", "scaled_linear"});
  options.prediction_type = config.choice("prediction_type", "epsilon", {"epsilon", "v_prediction"});
  options.rescale_betas_zero_snr = config.boolean("rescale_betas_zero_snr", false);
  options.timestep_spacing =
      config.choice("timestep_spacing", default_spacing(options.class_name), {"leading", "trailing", "linspace"});
  options.steps_offset = config.integer("steps_offset", 0);
  options.set_alpha_to_one = config.boolean("set_alpha_to_one", true);

  if (!(options.beta_start > 0 && options.beta_start < options.beta_end && options.beta_end < 1)) {
    config.fail("beta_start", "the betas must rise within 0 and 1");
  }
  if (options.class_name == "DDIMScheduler" && config.boolean("clip_sample", true)) {
    config.fail("clip_sample", "latents are not clipped: it must be false");
  }
  config.require_off("thresholding");
  config.require_off("trained_betas");
  config.require_off("use_exponential_sigmas");
  config.require_off("use_beta_sigmas");
  if (options.class_name == kDpmSolver || options.class_name == kUniPc) {
    read_multistep_solver(config, options);
  } else {
    config.require_off("use_karras_sigmas");
  }
  config.require_off("interpolation_type", "\"linear\"");
  config.require_off("timestep_type", "\"discrete\"");
  config.require_off("final_sigmas_type", "\"zero\"");
  return options;
}

void write_scheduler_options(const SchedulerOptions& options, const std::filesystem::path& folder) {
  nlohmann::ordered_json config = {
      {"_class_name", options.class_name},
      {"num_train_timesteps", options.num_train_timesteps},
      {"beta_start", options.beta_start},
      {"beta_end", options.beta_end},
      {"beta_schedule", options.beta_schedule},
      {"prediction_type", options.prediction_type},
      {"rescale_betas_zero_snr", options.rescale_betas_zero_snr},
      {"timestep_spacing", options.timestep_spacing},
      {"steps_offset", options.steps_offset},
      {"set_alpha_to_one", options.set_alpha_to_one},
      {"clip_sample", false},
  };
  if (options.class_name == kDpmSolver) {
    config["algorithm_type"] = options.algorithm_type;
    config["use_karras_sigmas"] = options.use_karras_sigmas;
  }
  write_file_atomically(folder / kFileName, config.dump(2) + "\n");
}

}  // namespace atelier

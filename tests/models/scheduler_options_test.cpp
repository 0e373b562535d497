#include "models/options/scheduler_options.h"

#include <gtest/gtest.h>

#include <fstream>

#include "configs/base/error.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

SchedulerOptions read_text(const TemporaryFolder& folder, const std::string& content) {
  std::ofstream(folder.path() / "scheduler_config.json") << content;
  return read_scheduler_options(folder.path());
}

TEST(SchedulerOptions, ReadsTheFileOfSdxlBase) {
  const TemporaryFolder folder;
  const SchedulerOptions options = read_text(folder, R"({
    "_class_name": "EulerDiscreteScheduler", "_diffusers_version": "0.19.0.dev0", "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": false, "interpolation_type": "linear",
    "num_train_timesteps": 1000, "prediction_type": "epsilon", "sample_max_value": 1.0, "set_alpha_to_one": false,
    "skip_prk_steps": true, "steps_offset": 1, "timestep_spacing": "leading", "trained_betas": null,
    "use_karras_sigmas": false})");
  EXPECT_EQ(options.class_name, "EulerDiscreteScheduler");
  EXPECT_EQ(options.beta_start, 0.00085);
  EXPECT_EQ(options.beta_end, 0.012);
  EXPECT_EQ(options.timestep_spacing, "leading");
  EXPECT_EQ(options.steps_offset, 1);
  EXPECT_FALSE(options.set_alpha_to_one);
  EXPECT_FALSE(options.rescale_betas_zero_snr);
}

TEST(SchedulerOptions, SilentFilesMeanDiffusersDefaults) {
  const TemporaryFolder folder;
  const SchedulerOptions euler = read_text(folder, R"({"_class_name": "EulerDiscreteScheduler"})");
  EXPECT_EQ(euler.timestep_spacing, "linspace");
  EXPECT_EQ(euler.beta_schedule, "linear");
  EXPECT_EQ(euler.beta_end, 0.02);
  const SchedulerOptions ddim = read_text(folder, R"({"_class_name": "DDIMScheduler", "clip_sample": false})");
  EXPECT_EQ(ddim.timestep_spacing, "leading");
  EXPECT_TRUE(ddim.set_alpha_to_one);
}

TEST(SchedulerOptions, WhatIsWrittenIsReadBack) {
  const TemporaryFolder folder;
  SchedulerOptions options;
  options.class_name = "DDIMScheduler";
  options.prediction_type = "v_prediction";
  options.rescale_betas_zero_snr = true;
  options.timestep_spacing = "trailing";
  options.beta_start = 0.001;
  write_scheduler_options(options, folder.path());
  const SchedulerOptions read = read_scheduler_options(folder.path() / "scheduler_config.json");
  EXPECT_EQ(read.class_name, options.class_name);
  EXPECT_EQ(read.prediction_type, options.prediction_type);
  EXPECT_TRUE(read.rescale_betas_zero_snr);
  EXPECT_EQ(read.timestep_spacing, options.timestep_spacing);
  EXPECT_EQ(read.beta_start, options.beta_start);
  EXPECT_EQ(read.set_alpha_to_one, options.set_alpha_to_one);
}

TEST(SchedulerOptions, ReadsWhatDiffusersWritesOfItsMultistepSolvers) {
  const TemporaryFolder folder;
  const SchedulerOptions dpm = read_text(folder, R"({
    "_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "sde-dpmsolver++", "beta_schedule": "scaled_linear",
    "dynamic_thresholding_ratio": 0.995, "euler_at_final": false, "final_sigmas_type": "zero", "flow_shift": 1.0,
    "lambda_min_clipped": -Infinity, "lower_order_final": true, "solver_order": 2, "solver_type": "midpoint",
    "thresholding": false, "use_karras_sigmas": true, "use_lu_lambdas": false, "variance_type": null})");
  EXPECT_EQ(dpm.timestep_spacing, "linspace");
  EXPECT_EQ(dpm.algorithm_type, "sde-dpmsolver++");
  EXPECT_TRUE(dpm.use_karras_sigmas);
  write_scheduler_options(dpm, folder.path());
  const SchedulerOptions read = read_scheduler_options(folder.path());
  EXPECT_EQ(read.algorithm_type, dpm.algorithm_type);
  EXPECT_TRUE(read.use_karras_sigmas);
  const SchedulerOptions unipc = read_text(folder, R"({
    "_class_name": "UniPCMultistepScheduler", "disable_corrector": [], "lower_order_final": true, "predict_x0": true,
    "sigma_max": null, "solver_order": 2, "solver_p": null, "solver_type": "bh2", "use_karras_sigmas": false})");
  EXPECT_EQ(unipc.timestep_spacing, "linspace");
}

TEST(SchedulerOptions, OtherMultistepSolversAreRefused) {
  for (const std::string entry :
       {R"("_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "dpmsolver")",
        R"("_class_name": "DPMSolverMultistepScheduler", "solver_order": 3)",
        R"("_class_name": "DPMSolverMultistepScheduler", "solver_type": "heun")",
        R"("_class_name": "DPMSolverMultistepScheduler", "use_flow_sigmas": true)",
        R"("_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -5.1)",
        R"("_class_name": "UniPCMultistepScheduler", "solver_type": "bh1")",
        R"("_class_name": "UniPCMultistepScheduler", "use_karras_sigmas": true)",
        R"("_class_name": "UniPCMultistepScheduler", "disable_corrector": [0])"}) {
    const TemporaryFolder folder;
    EXPECT_THROW(read_text(folder, "{" + entry + "}"), WeightsError) << entry;
  }
}

TEST(SchedulerOptions, WhatWouldChangeTheNumbersIsRefused) {
  for (const std::string entry :
       {R"("use_karras_sigmas": true)", R"("trained_betas": [0.1, 0.2])", R"("thresholding": true)",
        R"("beta_schedule": "squaredcos_cap_v2")", R"("prediction_type": "sample")", R"("timestep_type": "continuous")",
        R"("interpolation_type": "log_linear")", R"("final_sigmas_type": "sigma_min")", R"("beta_start": 0.5)",
        R"("num_train_timesteps": 0)", R"("steps_offset": "one")", R"("_class_name": "DDIMScheduler")"}) {
    SCOPED_TRACE(entry);
    const TemporaryFolder folder;
    try {
      read_text(folder, "{" + entry + "}");
      ADD_FAILURE() << "no error";
    } catch (const WeightsError& error) {
      EXPECT_NE(error.where().find("scheduler_config.json"), std::string::npos) << error.where();
      EXPECT_EQ(error.summary().front(), '"') << "begins with the key: " << error.summary();
    }
  }
}

}  // namespace
}  // namespace atelier

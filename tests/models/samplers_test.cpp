#include "models/schedulers/samplers.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/schedulers/timestep_spacing.h"
#include "tests/support/golden_tensors.h"

namespace atelier {
namespace {

/// "sampler/ddim/v_prediction/trailing/1/0" of the golden file.
SchedulerOptions options_of_case(const std::string& name) {
  const std::vector<std::string_view> parts = split(name, '/');
  SchedulerOptions options;
  options.prediction_type = parts[2];
  options.timestep_spacing = parts[3];
  options.rescale_betas_zero_snr = parts[4] == "1";
  options.set_alpha_to_one = parts[5] == "1";
  return options;
}

std::set<std::string> case_names(const GoldenTensors& golden) {
  std::set<std::string> names;
  for (const auto& [key, tensor] : golden.all()) {
    if (key.ends_with("/result")) names.insert(key.substr(0, key.rfind('/')));
  }
  return names;
}

TEST(Samplers, EveryStepEqualsDiffusers) {
  const GoldenTensors golden("schedulers/schedulers.safetensors");
  const std::set<std::string> names = case_names(golden);
  ASSERT_EQ(names.size(), 102u);
  const at::Tensor outputs = golden["outputs"], step_noise = golden["step_noise"];
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const SchedulerOptions options = options_of_case(name);
    const NoiseSchedule schedule(options);
    const at::Tensor inputs = golden[name + "/inputs"], timesteps = golden[name + "/timesteps"];
    int64_t step = 0;
    const Denoiser denoiser = [&](const at::Tensor& sample, double timestep) {
      EXPECT_NEAR(timestep, timesteps[step].item<double>(), 1e-4);
      EXPECT_LT(l2_error(sample, inputs[step]), 1e-4) << "step " << step;
      return outputs[step++];
    };
    const StepNoise fresh = [&](int64_t index) { return step_noise[index]; };
    const Sampler& sampler = find_sampler(split(name, '/')[1], options);
    const at::Tensor result = sampler.run({schedule, outputs.size(0), golden["noise"], denoiser, fresh});
    EXPECT_EQ(step, outputs.size(0));
    EXPECT_LT(l2_error(result, golden[name + "/result"]), 1e-4);
  }
}

TEST(Samplers, TimestepsEqualDiffusers) {
  const GoldenTensors golden("schedulers/schedulers.safetensors");
  int compared = 0;
  for (const auto& [name, expected] : golden.all()) {
    if (!name.starts_with("spacing/")) continue;
    SCOPED_TRACE(name);
    const std::vector<std::string_view> parts = split(name, '/');
    SchedulerOptions options;
    options.timestep_spacing = parts[2];
    const auto timesteps = parts[1] == "multistep" ? multistep_timesteps : spaced_timesteps;
    const at::Tensor ours = at::tensor(timesteps(options, expected.size(0)), at::kDouble);
    EXPECT_LT((ours - expected).abs().max().item<double>(), 1e-4);
    ++compared;
  }
  EXPECT_GT(compared, 75);
}

/// The exact score of a point mass at `clean`: any solver must arrive there from any noise.
TEST(Samplers, ReachThePointThatTheModelAlwaysAnswers) {
  const at::Tensor clean = at::linspace(-1, 1, 8).view({1, 2, 2, 2});
  SchedulerOptions options;
  options.prediction_type = "v_prediction";
  options.timestep_spacing = "trailing";
  options.rescale_betas_zero_snr = true;
  options.set_alpha_to_one = true;
  const NoiseSchedule schedule(options);
  const Denoiser denoiser = [&](const at::Tensor& sample, double timestep) {
    const double acp = schedule.alpha_cumprod(static_cast<int64_t>(timestep));
    // v = (sqrt(acp) x - clean) / sqrt(1 - acp), from x = sqrt(acp) clean + sqrt(1 - acp) noise
    return (std::sqrt(acp) * sample - clean) / std::sqrt(1 - acp);
  };
  const at::Tensor noise = at::linspace(-2, 3, 8).view({1, 2, 2, 2});
  for (const Sampler& sampler : samplers()) {
    SCOPED_TRACE(sampler.name);
    const StepNoise fresh = [&](int64_t step) { return noise.roll({step + 1}); };
    EXPECT_LT(l2_error(sampler.run({schedule, 25, noise, denoiser, fresh}), clean), 1e-4);
    EXPECT_LT(l2_error(sampler.run({schedule, 1, noise, denoiser, fresh}), clean), 5e-3) << "from sigma 4096 at once";
  }
}

/// Data that is normal with deviation 0.5 has a path in closed form: x(sigma) ~ sqrt(sigma^2 + 0.25).
TEST(Samplers, HigherOrdersConvergeFaster) {
  SchedulerOptions options;
  options.timestep_spacing = "linspace";
  const NoiseSchedule schedule(options);
  // The exact epsilon of data that is normal with deviation 0.5: the path is x(sigma) ~ sqrt(sigma^2 + 0.25).
  const Denoiser denoiser = [&](const at::Tensor& sample, double timestep) {
    const double acp = schedule.alpha_cumprod(std::lround(timestep));
    return sample * (std::sqrt(1 - acp) / (1 - acp + 0.25 * acp));
  };
  const at::Tensor noise = at::ones({1, 1, 1, 1}, at::kDouble);
  const auto error = [&](const char* name, int64_t steps) {
    const double first = std::sqrt((1 - schedule.alpha_cumprod(999)) / schedule.alpha_cumprod(999));
    const double exact = std::hypot(first, 1.0) * 0.5 / std::hypot(first, 0.5);
    const at::Tensor result = find_sampler(name, options).run({schedule, steps, noise, denoiser, {}});
    return std::abs(result.item<double>() - exact);
  };
  EXPECT_LT(error("dpmpp_2m_karras", 20), 0.35 * error("dpmpp_2m_karras", 10)) << "second order: about a quarter";
  EXPECT_LT(error("dpmpp_2m_karras", 20), 0.2 * error("euler", 20));
  EXPECT_LT(error("unipc", 10), error("dpmpp_2m", 10)) << "the corrector helps";
}

TEST(Samplers, UnknownNamesAndStepsAreTheUsersErrors) {
  SchedulerOptions options;
  try {
    find_sampler("eular", options);
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(error.hint().find("did you mean euler"), std::string::npos) << error.hint();
  }
  EXPECT_THROW(spaced_timesteps(options, 0), ConfigError);
  EXPECT_THROW(spaced_timesteps(options, 1001), ConfigError);
  EXPECT_THROW(multistep_timesteps(options, 0), ConfigError);
  options.timestep_spacing = "leading";
  EXPECT_THROW(multistep_timesteps(options, 1000), ConfigError) << "1000 // 1001 is no stretch";
  EXPECT_NO_THROW(multistep_timesteps(options, 499));
}

TEST(Samplers, TheModelsSchedulerChoosesItsOwn) {
  SchedulerOptions options;
  EXPECT_EQ(find_sampler("", options).name, "euler");
  options.class_name = "EulerAncestralDiscreteScheduler";
  EXPECT_EQ(find_sampler("", options).name, "euler_a");
  options.class_name = "UniPCMultistepScheduler";
  EXPECT_EQ(find_sampler("", options).name, "unipc");
  options.class_name = "DPMSolverMultistepScheduler";
  EXPECT_EQ(find_sampler("", options).name, "dpmpp_2m");
  options.use_karras_sigmas = true;
  EXPECT_EQ(find_sampler("", options).name, "dpmpp_2m_karras");
  options.algorithm_type = "sde-dpmsolver++";
  EXPECT_EQ(find_sampler("", options).name, "dpmpp_2m_sde_karras");
  EXPECT_EQ(find_sampler("euler", options).name, "euler") << "a name wins";
  EXPECT_EQ(find_sampler("k_euler_a", options).name, "euler_a");
  options.class_name = "PNDMScheduler";
  EXPECT_EQ(find_sampler("", options).name, "euler");
}

}  // namespace
}  // namespace atelier

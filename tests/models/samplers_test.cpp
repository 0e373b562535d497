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

/// "ddim/v_prediction/trailing/1/0" of the golden file.
SchedulerOptions options_of_case(const std::string& name) {
  const std::vector<std::string_view> parts = split(name, '/');
  SchedulerOptions options;
  options.prediction_type = parts[1];
  options.timestep_spacing = parts[2];
  options.rescale_betas_zero_snr = parts[3] == "1";
  options.set_alpha_to_one = parts[4] == "1";
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
  ASSERT_EQ(names.size(), 30u);
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const SchedulerOptions options = options_of_case(name);
    const NoiseSchedule schedule(options);
    const at::Tensor inputs = golden[name + "/inputs"], outputs = golden[name + "/outputs"];
    const at::Tensor timesteps = golden[name + "/timesteps"];
    int64_t step = 0;
    const Denoiser denoiser = [&](const at::Tensor& sample, double timestep) {
      EXPECT_NEAR(timestep, timesteps[step].item<double>(), 1e-4);
      EXPECT_LT(l2_error(sample, inputs[step]), 1e-4) << "step " << step;
      return outputs[step++];
    };
    const Sampler& sampler = find_sampler(name.substr(0, name.find('/')), options);
    const at::Tensor result = sampler.run(schedule, outputs.size(0), golden[name + "/noise"], denoiser);
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
    SchedulerOptions options;
    options.timestep_spacing = split(name, '/')[1];
    const at::Tensor ours = at::tensor(spaced_timesteps(options, expected.size(0)), at::kDouble);
    EXPECT_LT((ours - expected).abs().max().item<double>(), 1e-4);
    ++compared;
  }
  EXPECT_GT(compared, 35);
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
  for (const Sampler& sampler : samplers()) {
    SCOPED_TRACE(sampler.name);
    const at::Tensor noise = at::linspace(-2, 3, 8).view({1, 2, 2, 2});
    EXPECT_LT(l2_error(sampler.run(schedule, 25, noise, denoiser), clean), 1e-4);
  }
}

TEST(Samplers, UnknownNamesAndStepsAreTheUsersErrors) {
  const SchedulerOptions options;
  try {
    find_sampler("eular", options);
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(error.hint().find("did you mean euler"), std::string::npos) << error.hint();
  }
  EXPECT_THROW(spaced_timesteps(options, 0), ConfigError);
  EXPECT_THROW(spaced_timesteps(options, 1001), ConfigError);
  EXPECT_EQ(find_sampler("", options).name, "euler");
}

}  // namespace
}  // namespace atelier

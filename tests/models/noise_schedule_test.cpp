#include "models/schedulers/noise_schedule.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/golden_tensors.h"

namespace atelier {
namespace {

struct ScheduleCase {
  const char* beta_schedule;
  bool zero_snr;
};

class NoiseScheduleGolden : public testing::TestWithParam<ScheduleCase> {
 protected:
  NoiseScheduleGolden() : golden_("schedulers/schedulers.safetensors") {}

  at::Tensor golden(const std::string& name) const {
    return golden_[std::string("schedule/") + GetParam().beta_schedule + (GetParam().zero_snr ? "/1/" : "/0/") + name];
  }
  NoiseSchedule schedule(const char* prediction) const {
    SchedulerOptions options;
    options.beta_schedule = GetParam().beta_schedule;
    options.rescale_betas_zero_snr = GetParam().zero_snr;
    options.prediction_type = prediction;
    return NoiseSchedule(options);
  }

 private:
  GoldenTensors golden_;
};

TEST_P(NoiseScheduleGolden, CumulativeAlphasEqualNumpyInDouble) {
  const at::Tensor ours = at::tensor(schedule("epsilon").alphas_cumprod(), at::kDouble);
  EXPECT_LT((ours - golden("alphas_cumprod")).abs().max().item<double>(), 1e-13);
}

TEST_P(NoiseScheduleGolden, NoisingAndTargetsEqualDiffusers) {
  const at::Tensor latents = golden("latents"), noise = golden("noise"), timesteps = golden("timesteps");
  // diffusers accumulates the product in fp32.
  EXPECT_LT(l2_error(schedule("epsilon").add_noise(latents, noise, timesteps), golden("noisy")), 3e-5);
  EXPECT_LT(l2_error(schedule("v_prediction").target(latents, noise, timesteps), golden("velocity")), 3e-5);
  EXPECT_TRUE(schedule("epsilon").target(latents, noise, timesteps).equal(noise));
}

INSTANTIATE_TEST_SUITE_P(Schedules, NoiseScheduleGolden,
                         testing::Values(ScheduleCase{"linear", false}, ScheduleCase{"linear", true},
                                         ScheduleCase{"scaled_linear", false}, ScheduleCase{"scaled_linear", true}));

TEST(NoiseSchedule, SnrFallsToZeroOnlyWhenRescaled) {
  SchedulerOptions options;
  const NoiseSchedule plain(options);
  options.rescale_betas_zero_snr = true;
  const NoiseSchedule rescaled(options);
  for (int64_t t = 1; t < 1000; ++t) {
    ASSERT_LT(plain.snr(t), plain.snr(t - 1));
    ASSERT_LT(rescaled.snr(t), rescaled.snr(t - 1));
  }
  EXPECT_GT(plain.snr(999), 0.004);
  EXPECT_EQ(rescaled.snr(999), 0);
  EXPECT_DOUBLE_EQ(rescaled.alpha_cumprod(0), plain.alpha_cumprod(0));
}

}  // namespace
}  // namespace atelier

#include "trainer/lr_scheduler.h"

#include <gtest/gtest.h>

#include "configs/base/error.h"

namespace atelier {
namespace {

// diffusers 0.42.1, get_scheduler(name, num_warmup_steps=4, num_training_steps=20): the factor in steps
// 1, 2, 4, 5, 6, 12, 20 ("constant" is its constant_with_warmup).
struct Golden {
  const char* name;
  double factors[7];
};
constexpr int64_t kSteps[7] = {1, 2, 4, 5, 6, 12, 20};
constexpr Golden kGolden[] = {
    {"constant", {0.0, 0.25, 0.75, 1.0, 1.0, 1.0, 1.0}},
    {"linear", {0.0, 0.25, 0.75, 1.0, 0.9375, 0.5625, 0.0625}},
    {"cosine", {0.0, 0.25, 0.75, 1.0, 0.9903926402016152, 0.5975451610080642, 0.00960735979838479}},
};

TEST(LrScheduler, EqualsDiffusers) {
  for (const Golden& golden : kGolden) {
    for (int i = 0; i < 7; ++i) {
      EXPECT_NEAR(lr_factor(golden.name, kSteps[i], 4, 20), golden.factors[i], 1e-15)
          << golden.name << " " << kSteps[i];
    }
  }
}

TEST(LrScheduler, WithoutWarmUpTheFirstStepIsWhole) {
  EXPECT_EQ(lr_factor("linear", 1, 0, 10), 1.0);
  EXPECT_THROW(lr_factor("polynomial", 1, 0, 10), ConfigError);
}

}  // namespace
}  // namespace atelier

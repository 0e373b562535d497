#include "data/bucket/crop.h"

#include <gtest/gtest.h>

#include <cmath>

#include "configs/base/random.h"

namespace atelier {
namespace {

TEST(Crop, WorkedByHand) {
  EXPECT_EQ(plan_resize(1024, 1024, 1024, 1024), (ResizePlan{1024, 1024, 0, 0}));
  EXPECT_EQ(plan_resize(1000, 1500, 832, 1216), (ResizePlan{832, 1248, 0, 16}));  // sd-scripts records (0, 10) here
  EXPECT_EQ(plan_resize(1920, 1080, 1344, 768), (ResizePlan{1365, 768, 10, 0}));
  EXPECT_EQ(plan_resize(64, 64, 128, 96), (ResizePlan{128, 128, 0, 16}));
  EXPECT_EQ(plan_resize(3, 2, 1, 1), (ResizePlan{2, 1, 0, 0}));  // 1.5 rounds up
}

// sd-scripts' formula in floating point: scale by the side that leaves the other long enough, int(side * scale + 0.5).
TEST(Crop, AgreesWithTheFloatingPointFormula) {
  CounterRng rng(1, "crop test", {});
  for (int round = 0; round < 50000; ++round) {
    const auto w = static_cast<int32_t>(1 + rng.below(20000)), h = static_cast<int32_t>(1 + rng.below(20000));
    const auto bw = static_cast<int32_t>(64 * (1 + rng.below(32))), bh = static_cast<int32_t>(64 * (1 + rng.below(32)));
    const ResizePlan plan = plan_resize(w, h, bw, bh);
    const long double scale = std::max(static_cast<long double>(bw) / w, static_cast<long double>(bh) / h);
    ASSERT_LE(std::fabs(plan.resized_w - w * scale), 0.5001L);
    ASSERT_LE(std::fabs(plan.resized_h - h * scale), 0.5001L);
    ASSERT_TRUE(plan.resized_w == bw || plan.resized_h == bh);
    ASSERT_GE(plan.resized_w, bw);
    ASSERT_GE(plan.resized_h, bh);
    ASSERT_EQ(plan.crop_left, (plan.resized_w - bw) / 2);
    ASSERT_EQ(plan.crop_top, (plan.resized_h - bh) / 2);
    ASSERT_EQ(is_upscaled(w, h, bw, bh), scale > 1);
  }
}

TEST(Crop, ASliverDoesNotOverflow) {
  const ResizePlan plan = plan_resize(1, 2147483647, 512, 2048);
  EXPECT_EQ(plan.resized_h, 2147483647);
  EXPECT_GE(plan.crop_top, 0);
}

TEST(Crop, Loss) {
  EXPECT_DOUBLE_EQ(crop_loss(500, 500, 1024, 1024), 0);
  EXPECT_DOUBLE_EQ(crop_loss(200, 100, 64, 64), 0.5);
  EXPECT_DOUBLE_EQ(crop_loss(100, 400, 100, 100), 0.75);
}

}  // namespace
}  // namespace atelier

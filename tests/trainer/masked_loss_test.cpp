// Weights of latents from masks, against the formula written out in double.
#include "trainer/masked_loss.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <vector>

#include "configs/base/random.h"

namespace atelier {
namespace {

TEST(LatentMask, IsTheMeanOfThePixelsThatALatentCovers) {
  constexpr int64_t kCount = 2, kHeight = 24, kWidth = 16, kFactor = 8;
  std::vector<uint8_t> masks(kCount * kHeight * kWidth);
  CounterRng rng(5, "mask", {});
  for (uint8_t& pixel : masks) pixel = static_cast<uint8_t>(rng.below(256));
  const at::Tensor weights = latent_mask(masks, kCount, kHeight, kWidth, kHeight / kFactor, kWidth / kFactor);
  ASSERT_EQ(weights.sizes(), (std::vector<int64_t>{kCount, 1, kHeight / kFactor, kWidth / kFactor}));
  for (int64_t n = 0; n < kCount; ++n) {
    for (int64_t y = 0; y < kHeight / kFactor; ++y) {
      for (int64_t x = 0; x < kWidth / kFactor; ++x) {
        double sum = 0;
        for (int64_t dy = 0; dy < kFactor; ++dy) {
          for (int64_t dx = 0; dx < kFactor; ++dx) {
            sum += masks[(n * kHeight + y * kFactor + dy) * kWidth + x * kFactor + dx] / 255.0;
          }
        }
        EXPECT_NEAR(weights[n][0][y][x].item<double>(), sum / (kFactor * kFactor), 1e-6);
      }
    }
  }
}

TEST(LatentMask, WhiteChangesNothingToTheBit) {
  const std::vector<uint8_t> white(3 * 32 * 16, 255);
  EXPECT_TRUE(at::equal(latent_mask(white, 3, 32, 16, 4, 2), at::ones({3, 1, 4, 2})));
}

}  // namespace
}  // namespace atelier

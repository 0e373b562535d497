#include "data/bucket/bucket.h"

#include <gtest/gtest.h>

#include <numeric>

#include "configs/base/error.h"
#include "configs/base/random.h"

namespace atelier {
namespace {

BucketOptions bucket_options(int64_t resolution, int64_t shortest, int64_t longest, int64_t step = 64) {
  BucketOptions options;
  options.resolution = resolution;
  options.min_bucket_reso = shortest, options.max_bucket_reso = longest;
  options.bucket_reso_steps = step;
  return options;
}

/// |a/b - c/d| as a fraction, exact.
struct Fraction {
  int64_t numerator, denominator;
  bool operator<(const Fraction& other) const {
    return static_cast<long double>(numerator) * other.denominator <
           static_cast<long double>(other.numerator) * denominator;
  }
};

Fraction aspect_error(int64_t w, int64_t h, const BucketSize& size) {
  return {std::abs(w * size.height - size.width * h), h * size.height};
}

// What sd-scripts' make_bucket_resolutions gives for ((1024, 1024), 512, 2048, 64) and ((512, 512), 256, 1024, 64).
TEST(Buckets, AreThoseOfSdScriptsAt1024) {
  const std::vector<BucketSize> expected{{512, 1856}, {512, 1920}, {512, 1984}, {512, 2048}, {576, 1664},  {576, 1728},
                                         {576, 1792}, {640, 1536}, {640, 1600}, {704, 1408}, {704, 1472},  {768, 1280},
                                         {768, 1344}, {832, 1216}, {896, 1152}, {960, 1088}, {1024, 1024}, {1088, 960},
                                         {1152, 896}, {1216, 832}, {1280, 768}, {1344, 768}, {1408, 704},  {1472, 704},
                                         {1536, 640}, {1600, 640}, {1664, 576}, {1728, 576}, {1792, 576},  {1856, 512},
                                         {1920, 512}, {1984, 512}, {2048, 512}};
  EXPECT_EQ(make_buckets(bucket_options(1024, 512, 2048)), expected);
}

TEST(Buckets, AreThoseOfSdScriptsAt512) {
  const std::vector<BucketSize> expected{{256, 832}, {256, 896}, {256, 960}, {256, 1024}, {320, 704}, {320, 768},
                                         {384, 640}, {448, 576}, {512, 512}, {576, 448},  {640, 384}, {704, 320},
                                         {768, 320}, {832, 256}, {896, 256}, {960, 256},  {1024, 256}};
  EXPECT_EQ(make_buckets(bucket_options(512, 256, 1024)), expected);
}

// Numbers of buckets of the other ranges people use, counted with sd-scripts.
TEST(Buckets, CountsOfOtherRanges) {
  EXPECT_EQ(make_buckets(bucket_options(1024, 256, 1024)).size(), 25u);
  EXPECT_EQ(make_buckets(bucket_options(1024, 256, 2048)).size(), 41u);
  EXPECT_EQ(make_buckets(bucket_options(1024, 512, 1536)).size(), 21u);
  EXPECT_EQ(make_buckets(bucket_options(1024, 640, 1536)).size(), 17u);
}

TEST(Buckets, RoundsTheLimitsToTheStep) {
  EXPECT_EQ(make_buckets(bucket_options(1024, 530, 2000)), make_buckets(bucket_options(1024, 512, 2048)));
}

TEST(Buckets, KeepToAreaSidesAndStep) {
  CounterRng rng(1, "bucket test", {});
  for (int round = 0; round < 300; ++round) {
    const auto step = static_cast<int64_t>(8 << rng.below(4));
    const auto resolution = static_cast<int64_t>(64 + rng.below(1500));
    const auto shortest = static_cast<int64_t>(16 + rng.below(static_cast<uint64_t>(resolution) - 15));
    const int64_t longest = resolution + static_cast<int64_t>(rng.below(2000));
    const BucketOptions options = bucket_options(resolution, shortest, longest, step);
    if (resolution < step || std::max(step, shortest / step * step) > resolution) continue;
    const std::vector<BucketSize> buckets = make_buckets(options);
    ASSERT_FALSE(buckets.empty());
    EXPECT_TRUE(std::is_sorted(buckets.begin(), buckets.end()));
    for (const BucketSize& size : buckets) {
      EXPECT_EQ(size.width % step + size.height % step, 0);
      EXPECT_LE(static_cast<int64_t>(size.width) * size.height, resolution * resolution);
      EXPECT_GE(std::min(size.width, size.height), shortest / step * step);
      EXPECT_LT(std::max(size.width, size.height), longest + step);
      EXPECT_TRUE(std::binary_search(buckets.begin(), buckets.end(), BucketSize{size.height, size.width}));
    }
  }
}

TEST(Buckets, WithoutBucketsThereIsOneSquare) {
  BucketOptions options = bucket_options(1000, 512, 2048);
  options.enable_bucket = false;
  EXPECT_EQ(make_buckets(options), (std::vector<BucketSize>{{1000, 1000}}));
  EXPECT_EQ(BucketAssigner(options)(3000, 200), (BucketSize{1000, 1000}));
}

TEST(Buckets, ImpossibleOptionsAreErrors) {
  EXPECT_THROW(make_buckets(bucket_options(96, 512, 2048)), ConfigError);   // the shortest side above the square's
  EXPECT_THROW(make_buckets(bucket_options(1024, 256, 512)), ConfigError);  // the longest side below it
  EXPECT_THROW(make_buckets(bucket_options(48, 16, 2048)), ConfigError);    // less than one step
}

TEST(Buckets, SidesMustSuitTheModel) {
  BucketOptions options = bucket_options(1024, 512, 2048);
  EXPECT_NO_THROW(check_bucket_divisor(options, 32));
  options.bucket_reso_steps = 16;
  EXPECT_NO_THROW(check_bucket_divisor(options, 16));
  EXPECT_THROW(check_bucket_divisor(options, 32), ConfigError);
  options.enable_bucket = false;
  EXPECT_NO_THROW(check_bucket_divisor(options, 32));
  options.resolution = 1000;
  EXPECT_THROW(check_bucket_divisor(options, 32), ConfigError);
}

TEST(BucketAssigner, TakesTheExactSizeBeforeTheNearestAspect) {
  BucketOptions options = bucket_options(512, 256, 1024);
  const BucketAssigner assign(options);
  EXPECT_EQ(assign(512, 512), (BucketSize{512, 512}));
  EXPECT_EQ(assign(4000, 4000), (BucketSize{512, 512}));
  EXPECT_EQ(assign(256, 960), (BucketSize{256, 960}));
  EXPECT_EQ(assign(1920, 1080), (BucketSize{640, 384}));  // 1.778: 640/384 = 1.667, 704/320 = 2.2
  EXPECT_EQ(assign(10000, 100), (BucketSize{1024, 256}));
}

TEST(BucketAssigner, NoBucketHasANearerAspect) {
  const BucketOptions options = bucket_options(1024, 512, 2048);
  const std::vector<BucketSize> buckets = make_buckets(options);
  const BucketAssigner assign(options);
  CounterRng rng(2, "bucket test", {});
  for (int round = 0; round < 20000; ++round) {
    const auto w = static_cast<int32_t>(1 + rng.below(5000)), h = static_cast<int32_t>(1 + rng.below(5000));
    const BucketSize chosen = assign(w, h);
    if (chosen == BucketSize{w, h}) continue;
    for (const BucketSize& other : buckets) {
      ASSERT_FALSE(aspect_error(w, h, other) < aspect_error(w, h, chosen)) << w << "x" << h;
    }
  }
}

TEST(BucketAssigner, NoUpscaleKeepsSmallPicturesAtTheirSize) {
  BucketOptions options = bucket_options(1024, 512, 2048);
  options.bucket_no_upscale = true;
  const BucketAssigner assign(options);
  EXPECT_EQ(assign(2000, 2000), (BucketSize{1024, 1024}));
  EXPECT_EQ(assign(700, 700), (BucketSize{640, 640}));
  EXPECT_EQ(assign(700, 60), (BucketSize{640, 64}));      // sd-scripts makes 640x0 of this
  EXPECT_EQ(assign(500, 3000), (BucketSize{448, 2048}));  // never longer than the bucket it would have had
  CounterRng rng(3, "bucket test", {});
  for (int round = 0; round < 5000; ++round) {
    const auto w = static_cast<int32_t>(64 + rng.below(3000)), h = static_cast<int32_t>(64 + rng.below(3000));
    const BucketSize size = assign(w, h);
    EXPECT_LE(size.width, w);
    EXPECT_LE(size.height, h);
    EXPECT_GT(size.width, 0);
    EXPECT_EQ(size.width % 64 + size.height % 64, 0);
    EXPECT_LE(static_cast<int64_t>(size.width) * size.height, 1024 * 1024);
  }
}

TEST(Buckets, SeveralResolutionsHaveRangesInProportion) {
  BucketOptions options = bucket_options(1024, 512, 2048);
  EXPECT_EQ(expand_resolutions(options).size(), 1u);
  options.resolutions = {{1024}, {1536, 0.5}, {768, 1, 512, 1024}};
  const std::vector<Resolution> all = expand_resolutions(options);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(make_buckets(all[0].options), make_buckets(bucket_options(1024, 512, 2048)));
  EXPECT_EQ(make_buckets(all[1].options), make_buckets(bucket_options(1536, 768, 3072)));
  EXPECT_EQ(make_buckets(all[2].options), make_buckets(bucket_options(768, 512, 1024)));
  EXPECT_EQ(all[1].repeats, 0.5);
  options.resolutions.push_back({1024, 2});
  EXPECT_THROW(expand_resolutions(options), ConfigError);
}

TEST(Buckets, PredefinedOnesAreTakenAsTheyAre) {
  BucketOptions options = bucket_options(1024, 512, 2048);
  options.predefined_buckets = {"1216x832", "832x1216", "1024x1024"};
  EXPECT_EQ(make_buckets(options), (std::vector<BucketSize>{{832, 1216}, {1024, 1024}, {1216, 832}}));
  EXPECT_EQ(BucketAssigner(options)(3000, 4000), (BucketSize{832, 1216}));
  EXPECT_NO_THROW(check_bucket_divisor(options, 64));
  EXPECT_THROW(check_bucket_divisor(options, 128), ConfigError);
  options.resolutions = {{1024}};
  EXPECT_THROW(expand_resolutions(options), ConfigError);
  for (const char* wrong : {"832", "832x", "x832", "832x1216x3", "0x64", "-64x64", "64x99999", "a x b"}) {
    options.predefined_buckets = {wrong};
    EXPECT_THROW(make_buckets(options), ConfigError) << wrong;
  }
}

TEST(Buckets, LimitsOfEnlargementAndCrop) {
  BucketOptions options = bucket_options(512, 256, 1024);
  options.enable_bucket = false;
  options.max_upscale = 2, options.max_crop_loss = 0.5;
  const BucketAssigner assign(options);
  const BucketSize square{512, 512};
  EXPECT_EQ(assign.fit(256, 256, square), BucketFit::kFits);  // exactly twice
  EXPECT_EQ(assign.fit(255, 400, square), BucketFit::kUpscaled);
  EXPECT_EQ(assign.fit(512, 1024, square), BucketFit::kFits);  // exactly half
  EXPECT_EQ(assign.fit(512, 1030, square), BucketFit::kCropped);
}

}  // namespace
}  // namespace atelier

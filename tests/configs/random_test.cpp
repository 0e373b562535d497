#include "configs/base/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace atelier {
namespace {

// Known answers of Random123's kat_vectors for philox4x32-10.
TEST(Philox, EqualsRandom123KnownAnswers) {
  using Block = std::array<uint32_t, 4>;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomKey, DiffersByEveryPart) {
  std::set<uint64_t> keys;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    for (const char* stream : {"noise", "timestep"}) {
      for (uint64_t a = 0; a < 20; ++a) {
        for (uint64_t b = 0; b < 20; ++b) keys.insert(random_key(seed, stream, {a, b}));
      }
    }
  }
  EXPECT_EQ(keys.size(), 20u * 2 * 20 * 20);
}

TEST(CounterRng, BelowIsUniform) {
  CounterRng rng(7, "test", {});
  std::vector<int> counts(10);
  for (int i = 0; i < 100000; ++i) ++counts[rng.below(10)];
  double chi_square = 0;
  for (int count : counts) chi_square += (count - 10000.0) * (count - 10000.0) / 10000.0;
  EXPECT_LT(chi_square, 27.9);  // 9 degrees of freedom, p = 0.001
}

TEST(FillNormal, HasTheMomentsOfANormalDistribution) {
  std::vector<float> values(400000);
  fill_normal(random_key(3, "noise"), values.data(), static_cast<int64_t>(values.size()));
  double mean = 0, second = 0, fourth = 0;
  for (double v : values) mean += v, second += v * v, fourth += v * v * v * v;
  const double n = static_cast<double>(values.size());
  EXPECT_NEAR(mean / n, 0, 4 / std::sqrt(n));
  EXPECT_NEAR(second / n, 1, 4 * std::sqrt(2 / n));
  EXPECT_NEAR(fourth / n, 3, 4 * std::sqrt(96 / n));
}

TEST(FillNormal, PrefixDoesNotDependOnTheCount) {
  std::vector<float> many(1001), few(7);
  fill_normal(11, many.data(), 1001);
  fill_normal(11, few.data(), 7);
  for (size_t i = 0; i < few.size(); ++i) EXPECT_EQ(few[i], many[i]);
}

TEST(KeyedPermutation, IsAPermutationWithItsInverse) {
  for (uint64_t n : {1ull, 2ull, 3ull, 5ull, 16ull, 17ull, 1000ull, 4097ull}) {
    const KeyedPermutation permutation(n, 99 + n);
    std::set<uint64_t> seen;
    for (uint64_t i = 0; i < n; ++i) {
      const uint64_t item = permutation(i);
      ASSERT_LT(item, n);
      EXPECT_EQ(permutation.inverse(item), i);
      seen.insert(item);
    }
    EXPECT_EQ(seen.size(), n);
  }
}

TEST(KeyedPermutation, SpreadsEvenly) {
  // The mean of the items at the first half of the positions is near that of all, and keys give other orders.
  const uint64_t n = 10000;
  double sum = 0;
  int equal = 0;
  const KeyedPermutation one(n, 1), two(n, 2);
  for (uint64_t i = 0; i < n / 2; ++i) {
    sum += static_cast<double>(one(i));
    equal += one(i) == two(i);
  }
  EXPECT_NEAR(sum / (n / 2.0), n / 2.0, 4 * n / std::sqrt(12.0 * n / 2));
  EXPECT_LT(equal, 10);
}

}  // namespace
}  // namespace atelier

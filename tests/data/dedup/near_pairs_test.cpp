// Pairs of near hashes, against comparing all with all.
#include "data/dedup/near_pairs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <mutex>
#include <vector>

#include "configs/base/random.h"

namespace atelier {
namespace {

using Pairs = std::vector<std::pair<int64_t, int64_t>>;

Pairs near_pairs(const std::vector<uint64_t>& hashes, int max_distance) {
  Pairs pairs;
  std::mutex mutex;
  for_each_near_pair(hashes, max_distance, [&](int64_t i, int64_t j) {
    const std::lock_guard lock(mutex);
    pairs.emplace_back(i, j);
  });
  std::ranges::sort(pairs);
  return pairs;
}

/// Families of hashes around a few centres: some equal, some a few bits away, most of them far from each other.
std::vector<uint64_t> families(uint64_t seed, int64_t count) {
  CounterRng rng(seed, "hashes", {});
  std::vector<uint64_t> hashes;
  while (std::ssize(hashes) < count) {
    const uint64_t centre = rng.next();
    for (uint64_t i = 0, members = 1 + rng.below(6); i < members; ++i) {
      uint64_t hash = centre;
      for (uint64_t flips = rng.below(14); flips > 0; --flips) hash ^= uint64_t{1} << rng.below(64);
      hashes.push_back(hash);
    }
  }
  return hashes;
}

TEST(NearPairs, AreThoseOfComparingAllWithAll) {
  const std::vector<uint64_t> hashes = families(3, 1500);
  for (const int max_distance : {0, 1, 3, 4, 6, 7, 8, 11}) {
    Pairs expected;
    for (int64_t i = 0; i < std::ssize(hashes); ++i) {
      for (int64_t j = i + 1; j < std::ssize(hashes); ++j) {
        const uint64_t difference = hashes[static_cast<size_t>(i)] ^ hashes[static_cast<size_t>(j)];
        if (std::popcount(difference) <= max_distance) expected.emplace_back(i, j);
      }
    }
    ASSERT_GT(expected.size(), 10u);
    EXPECT_EQ(near_pairs(hashes, max_distance), expected) << max_distance;
  }
}

TEST(NearPairs, OfNoneAndOne) {
  EXPECT_TRUE(near_pairs({}, 6).empty());
  EXPECT_TRUE(near_pairs({5}, 6).empty());
  EXPECT_EQ(near_pairs({5, 5, 5}, 0), (Pairs{{0, 1}, {0, 2}, {1, 2}}));
}

}  // namespace
}  // namespace atelier

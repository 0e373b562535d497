#include "data/plan/strata.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "configs/base/error.h"
#include "tests/data/plan/plan_fixture.h"

namespace atelier {
namespace {

__extension__ using Wide = __int128;

/// floor(e r + k / n) for r in units of 2^-40, in integers: floor((e R n + k 2^40) / (n 2^40)).
int64_t turns(uint64_t fixed, int64_t posts, int64_t rank, int64_t epochs) {
  const Wide one = Wide{1} << 40;
  return static_cast<int64_t>((Wide{fixed} * epochs * posts + rank * one) / (posts * one));
}

TEST(Repeats, AreExactForWholeNumbersAndHalves) {
  for (double value : {0.0, 0.5, 1.0, 1.25, 3.0, 1000.0}) EXPECT_EQ(Repeats(value).value(), value);
  EXPECT_EQ(Repeats(1).total(10'000'000, 1'000'000), 10'000'000'000'000);
  EXPECT_THROW(Repeats(-0.1), ConfigError);
  EXPECT_THROW(Repeats(1e7), ConfigError);
}

// 0.4 x 1000 / 300 is not representable, but 300 posts of it are 400 samples an epoch.
TEST(Repeats, WholeTotalsStayWhole) {
  for (int64_t posts = 1; posts <= 2000; ++posts) {
    const Repeats repeats(0.4 * 1000 / static_cast<double>(posts));
    for (int64_t epochs : {1, 2, 3, 10, 1000}) EXPECT_EQ(repeats.total(posts, epochs), 400 * epochs) << posts;
  }
}

// The turns are the formula of the design, rank by rank: as many uses in every epoch, repeats counted from 0.
TEST(Stratum, TurnsAreTheFormula) {
  CounterRng rng(1, "strata test", {});
  for (int round = 0; round < 200; ++round) {
    const int64_t posts = 1 + static_cast<int64_t>(rng.below(60));
    const Stratum stratum{Repeats(rng.below(2) > 0 ? 4 * rng.uniform() : rng.uniform()), rng.next(), 100, posts};
    const KeyedPermutation post_of_rank(static_cast<uint64_t>(posts), stratum.rank_key);
    for (int64_t epoch = 0; epoch < 12; ++epoch) {
      std::map<int64_t, std::multiset<int64_t>> seen;  // entry -> repeats
      const int64_t before = stratum.uses_before(epoch);
      for (int64_t i = 0; i < stratum.uses_before(epoch + 1) - before; ++i) {
        const Stratum::Use use = stratum.use(before, i);
        seen[use.entry].insert(use.repeat);
      }
      for (int64_t rank = 0; rank < posts; ++rank) {
        const uint64_t fixed = stratum.repeats.fixed();
        const int64_t expected = turns(fixed, posts, rank, epoch + 1) - turns(fixed, posts, rank, epoch);
        const auto entry = 100 + static_cast<int64_t>(post_of_rank(static_cast<uint64_t>(rank)));
        std::multiset<int64_t> repeats;
        for (int64_t j = 0; j < expected; ++j) repeats.insert(j);
        ASSERT_EQ(seen[entry], repeats) << "rank " << rank << " of " << posts << ", epoch " << epoch;
      }
    }
  }
}

// Each row in the bucket that the assigner names, with the repeats of its class, source and resolution.
TEST(Strata, EveryRowHasItsPlace) {
  for (uint64_t number = 0; number < 60; ++number) {
    PlanCase one = random_case(number);
    one.balance.rake.clear(), one.balance.repeat_factor = {}, one.balance.apply = "repeats";
    one.input.rarest_tag_posts.clear(), one.input.marginals.resize(1);
    const Strata strata(one.input, one.balance, one.buckets, 0, one.seed);
    const std::vector<Resolution> resolutions = expand_resolutions(one.buckets);
    std::vector<int64_t> placed(resolutions.size(), 0);
    std::set<std::pair<int32_t, uint32_t>> rows;
    int64_t posts = 0;
    for (const Strata::Bucket& bucket : strata.buckets()) {
      const auto r = static_cast<size_t>(bucket.resolution);
      const BucketAssigner assign(resolutions[r].options);
      placed[r] += bucket.posts;
      for (int64_t s = bucket.first_stratum; s < bucket.end_stratum; ++s) {
        const Stratum& stratum = strata.strata()[static_cast<size_t>(s)];
        EXPECT_EQ(stratum.begin, posts);
        posts += stratum.posts;
        for (int64_t entry = stratum.begin; entry < posts; ++entry) {
          const uint32_t row = strata.order()[static_cast<size_t>(entry)];
          EXPECT_TRUE(rows.insert({bucket.resolution, row}).second);
          EXPECT_EQ(assign(one.input.widths[row], one.input.heights[row]), bucket.size);
          const double of_class =
              strata.balance().marginals[0].classes[one.input.marginals[0].class_of_row[row]].repeats;
          const double repeats = of_class * one.input.sources[one.input.source_of_row[row]].repeats;
          EXPECT_NEAR(stratum.repeats.value(), repeats * resolutions[r].repeats, 1e-11);
        }
      }
    }
    for (size_t r = 0; r < resolutions.size(); ++r) {
      EXPECT_EQ(placed[r] + strata.resolutions()[r].upscaled_out, one.input.size());
    }
  }
}

TEST(Strata, SmallBucketsJoinTheNearestAspect) {
  PlanInput input = empty_input();
  const auto add = [&](int32_t width, int32_t height, int count) {
    for (int i = 0; i < count; ++i) add_picture(input, static_cast<int64_t>(input.rows.size()), width, height, 0, 0);
  };
  add(512, 512, 20), add(576, 448, 3), add(768, 320, 10), add(704, 320, 2), add(256, 1024, 1);
  BucketOptions options;
  options.resolution = 512, options.min_bucket_reso = 256, options.max_bucket_reso = 1024;
  const Strata strata(input, {}, options, 8, 7);
  ASSERT_EQ(strata.buckets().size(), 2u);
  EXPECT_EQ(strata.buckets()[0].size, (BucketSize{512, 512}));
  EXPECT_EQ(strata.buckets()[0].posts, 24);
  EXPECT_EQ(strata.buckets()[1].size, (BucketSize{768, 320}));
  EXPECT_EQ(strata.buckets()[1].posts, 12);
  EXPECT_EQ(Strata(input, {}, options, 1000, 7).buckets().size(), 1u);  // none has enough: all join the fullest
}

TEST(Strata, RepeatsOfZeroAreLeftOut) {
  PlanInput input = empty_input({"a", "b"});
  for (int i = 0; i < 10; ++i) add_picture(input, i, 512, 512, i % 2, 0);
  BalanceOptions balance;
  balance.target = {{"a", 1}, {"b", 0}};
  const Strata strata(input, balance, {}, 0, 7);
  EXPECT_EQ(strata.order().size(), 5u);
  EXPECT_EQ(strata.samples_before(0, 1), 5);
}

}  // namespace
}  // namespace atelier

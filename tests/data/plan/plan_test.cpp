#include "data/plan/plan.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>

#include "configs/base/error.h"
#include "tests/data/plan/plan_fixture.h"

namespace atelier {
namespace {

constexpr uint64_t kCases = 60;

using Use = std::tuple<int32_t, int64_t, int64_t, int64_t>;  // resolution, epoch, row, repeat

PlanInput squares(int64_t count) {
  PlanInput input = empty_input();
  for (int64_t i = 0; i < count; ++i) add_picture(input, i, 512, 512, 0, 0);
  return input;
}

BatchingOptions epochs_of(int64_t global_batch_size, int64_t epochs) {
  BatchingOptions batching;
  batching.global_batch_size = global_batch_size;
  batching.max_train_epochs = epochs;
  return batching;
}

// Golden, by hand: ten squares, batches of four, two epochs. 10 = 4 + 4 and 2 carried; 2 + 10 = 4 + 4 + 4.
TEST(Plan, CarriesOverWhatAnEpochLeaves) {
  const Plan plan(squares(10), {}, {}, epochs_of(4, 2), 1, 7);
  ASSERT_EQ(plan.total_steps(), 5);
  const std::vector<GlobalBatch> batches = all_batches(plan);
  std::vector<int64_t> epochs, carried;
  for (const GlobalBatch& batch : batches) {
    EXPECT_EQ(batch.samples.size(), 4u);
    EXPECT_EQ(batch.micro, -1);
    EXPECT_EQ(batch.width, 1024);
    epochs.push_back(batch.epoch);
    for (const PlannedSample& sample : batch.samples) {
      if (sample.epoch < batch.epoch) carried.push_back(&sample - batch.samples.data());
    }
  }
  EXPECT_EQ(epochs, (std::vector<int64_t>{0, 0, 1, 1, 1}));
  EXPECT_EQ(carried, (std::vector<int64_t>{0, 1}));  // both in one batch, first
}

// Golden, by hand: 10 and 3 pictures, batches of 4, 3 epochs. The small bucket gives a short batch every epoch; the
// other one 2, 3, 2 batches, and 30 - 28 = 2 at the very end.
TEST(Plan, ShortBatches) {
  PlanInput input = squares(10);
  for (int64_t i = 0; i < 3; ++i) add_picture(input, 10 + i, 832, 1216, 0, 0);
  const Plan plan(input, {}, {}, epochs_of(4, 3), 1, 7);
  const std::vector<GlobalBatch> batches = all_batches(plan);
  ASSERT_EQ(batches.size(), 11u);
  std::map<std::pair<int64_t, int32_t>, std::vector<size_t>> sizes;  // (epoch, width) -> samples
  for (const GlobalBatch& batch : batches) sizes[{batch.epoch, batch.width}].push_back(batch.samples.size());
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    EXPECT_EQ(sizes.at(std::pair(epoch, 832)), (std::vector<size_t>{3}));
  }
  EXPECT_EQ(sizes.at(std::pair(int64_t{0}, 1024)).size(), 2u);
  EXPECT_EQ(sizes.at(std::pair(int64_t{1}, 1024)).size(), 3u);
  EXPECT_EQ(sizes.at(std::pair(int64_t{2}, 1024)), (std::vector<size_t>{4, 4, 2}));
  EXPECT_EQ(batches.back().samples.size(), 2u);
}

/// Over whole epochs: each row at each resolution as often as the formula says, every (resolution, epoch, row, repeat)
/// once, totals to the sample; nothing emitted before its time.
void expect_every_use_once(const PlanCase& one, const Plan& plan) {
  const int64_t first = one.first_epoch, end = first + *one.batching.max_train_epochs;
  std::set<Use> seen;
  std::map<std::pair<int32_t, int64_t>, int64_t> uses;
  for (const GlobalBatch& batch : all_batches(plan)) {
    for (const PlannedSample& sample : batch.samples) {
      ASSERT_TRUE(seen.insert({batch.resolution, sample.epoch, sample.row, sample.repeat}).second);
      ASSERT_LE(sample.epoch, batch.epoch);
      ASSERT_GE(sample.epoch, first);
      ++uses[{batch.resolution, sample.row}];
    }
  }
  int64_t expected_total = 0;
  for (const Strata::Bucket& bucket : plan.strata().buckets()) {
    const int32_t resolution = plan.strata().resolutions()[static_cast<size_t>(bucket.resolution)].resolution;
    for (int64_t s = bucket.first_stratum; s < bucket.end_stratum; ++s) {
      const Stratum& stratum = plan.strata().strata()[static_cast<size_t>(s)];
      int64_t found = 0;
      for (int64_t i = stratum.begin; i < stratum.begin + stratum.posts; ++i) {
        const uint32_t row = one.input.rows[plan.strata().order()[static_cast<size_t>(i)]];
        const int64_t of_row = uses[{resolution, row}];
        const double wanted = stratum.repeats.value() * static_cast<double>(end - first);
        ASSERT_LT(std::abs(static_cast<double>(of_row) - wanted), 1);  // floor or ceil of r times, over all epochs
        found += of_row;
      }
      ASSERT_EQ(found, total_uses(stratum, end) - total_uses(stratum, first));
      expected_total += found;
    }
  }
  ASSERT_EQ(static_cast<int64_t>(seen.size()), expected_total);
  for (const auto& [resolution, epoch, row, repeat] : seen) {
    ASSERT_TRUE(repeat == 0 || seen.contains({resolution, epoch, row, repeat - 1}));
  }
}

TEST(Plan, DropsNothingAndDuplicatesNothing) {
  for (uint64_t number = 0; number < kCases; ++number) {
    SCOPED_TRACE(number);
    const PlanCase one = random_case(number);
    expect_every_use_once(one, one.plan());
  }
}

TEST(Plan, DropsNothingOfManyPictures) {
  for (uint64_t number : {1000, 1001}) {
    const PlanCase one = random_case(number, 60'000);
    expect_every_use_once(one, one.plan());
  }
}

// The batch counts of the design, from the strata's totals alone.
TEST(Plan, EmitsTheBatchesOfTheFormula) {
  for (uint64_t number = 0; number < kCases; ++number) {
    SCOPED_TRACE(number);
    const PlanCase one = random_case(number);
    const Plan plan = one.plan();
    const int64_t size = *one.batching.global_batch_size, first = one.first_epoch;
    std::map<std::tuple<int64_t, int32_t, int32_t, int32_t>, int64_t> full;
    for (const GlobalBatch& batch : all_batches(plan)) {
      ASSERT_LE(static_cast<int64_t>(batch.samples.size()), size);
      if (static_cast<int64_t>(batch.samples.size()) < size) continue;
      ++full[{batch.epoch, batch.resolution, batch.width, batch.height}];
    }
    for (const Strata::Bucket& bucket : plan.strata().buckets()) {
      if (bucket.samples_per_epoch < static_cast<double>(size)) continue;
      const auto since_first = [&](int64_t epoch) {
        int64_t samples = 0;
        for (int64_t s = bucket.first_stratum; s < bucket.end_stratum; ++s) {
          const Stratum& stratum = plan.strata().strata()[static_cast<size_t>(s)];
          samples += total_uses(stratum, epoch) - total_uses(stratum, first);
        }
        return samples;
      };
      const int32_t resolution = plan.strata().resolutions()[static_cast<size_t>(bucket.resolution)].resolution;
      for (int64_t epoch = first; epoch < first + *one.batching.max_train_epochs; ++epoch) {
        const std::tuple key{epoch, resolution, bucket.size.width, bucket.size.height};
        ASSERT_EQ(full[key], since_first(epoch + 1) / size - since_first(epoch) / size);
      }
    }
  }
}

// A small folder: every picture is seen in the first epoch, whatever its shape.
TEST(Plan, LeavesOutNoPictureOfASmallFolder) {
  for (uint64_t number = 0; number < kCases; ++number) {
    CounterRng rng(number, "small folder", {});
    PlanInput input = empty_input();
    const auto posts = static_cast<int64_t>(20 + rng.below(30));
    for (int64_t i = 0; i < posts; ++i) {
      add_picture(input, i, static_cast<int32_t>(1 + rng.below(3000)), static_cast<int32_t>(1 + rng.below(3000)));
    }
    const Plan plan(input, {}, {}, epochs_of(1 + static_cast<int64_t>(rng.below(64)), 1), 1, number);
    for (uint32_t uses : plan.uses()) ASSERT_EQ(uses, 1u);
    ASSERT_EQ(plan.sequence().size(), std::ssize(all_batches(plan)));
  }
}

// The same on one core and on all: rows enough for several parts.
TEST(Plan, IsTheSameOnOneCore) {
  CounterRng rng(5, "many rows", {});
  PlanCase one;
  one.input = random_input(rng, 200'000);
  one.batching = epochs_of(64, 2);
  one.balance.target = {{"girl_only", 0.4}};
  const Plan parallel = one.plan();
  cpu_set_t all, first;
  ASSERT_EQ(sched_getaffinity(0, sizeof all, &all), 0);
  CPU_ZERO(&first);
  for (int cpu = 0; CPU_COUNT(&first) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &first);
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof first, &first), 0);
  const Plan alone = one.plan();
  const std::vector<uint32_t> uses = alone.uses();
  ASSERT_EQ(sched_setaffinity(0, sizeof all, &all), 0);
  EXPECT_EQ(parallel.strata().order(), alone.strata().order());
  EXPECT_EQ(parallel.uses(), uses);
  EXPECT_EQ(parallel.step(77), alone.step(77));
}

// Several resolutions: each picture once at each, its share of turns at a resolution of half a repeat.
TEST(Plan, ASampleIsUsedOnceARepeatAndResolution) {
  PlanCase one;
  one.input = squares(40);
  one.batching = epochs_of(8, 4);
  one.buckets.resolutions = {{512}, {768, 0.5}};
  const Plan plan = one.plan();
  std::map<std::pair<int32_t, int64_t>, int64_t> uses;
  for (const GlobalBatch& batch : all_batches(plan)) {
    EXPECT_EQ(batch.width, batch.resolution);
    for (const PlannedSample& sample : batch.samples) ++uses[{batch.resolution, sample.row}];
  }
  for (int64_t row = 0; row < 40; ++row) {
    EXPECT_EQ((uses[{512, row}]), 4);
    EXPECT_EQ((uses[{768, row}]), 2);
  }
}

// What a resolution would enlarge too much is used at the others.
TEST(Plan, PicturesBeyondALimitLeaveTheResolution) {
  PlanInput input = empty_input();
  add_picture(input, 0, 512, 512), add_picture(input, 1, 768, 768), add_picture(input, 2, 300, 300);
  add_picture(input, 3, 2048, 256);  // to 1024 x 256 at 512, half of it to 768 x 768
  BucketOptions buckets;
  buckets.resolutions = {{512}, {768}};
  buckets.enable_bucket = false;
  buckets.max_upscale = 1.2;
  Plan plan(input, {}, buckets, epochs_of(4, 1), 1, 7);
  EXPECT_EQ(plan.uses(), (std::vector<uint32_t>{1, 2, 0, 0}));
  EXPECT_EQ(plan.strata().resolutions()[0].upscaled_out, 2);
  EXPECT_EQ(plan.strata().resolutions()[1].upscaled_out, 3);
  buckets.max_upscale.reset();
  buckets.max_crop_loss = 0.5;
  plan = Plan(input, {}, buckets, epochs_of(4, 1), 1, 7);
  EXPECT_EQ(plan.uses(), (std::vector<uint32_t>{2, 2, 2, 0}));
  EXPECT_EQ(plan.strata().resolutions()[0].cropped_out, 1);
}

// Three of 832 x 1216 make a batch; the square and the strip of 512 x 2048 do not. The square loses 1 - (832 / 1216) of
// itself, the strip 1 - (512 / 2048) / (832 / 1216).
TEST(Plan, MergedBucketsKeepToTheLimits) {
  PlanInput input = empty_input();
  for (int64_t row = 0; row < 3; ++row) add_picture(input, row, 832, 1216);
  add_picture(input, 3, 1024, 1024), add_picture(input, 4, 512, 2048);
  BucketOptions buckets;
  buckets.merge_small_buckets = true;
  const auto sizes_of = [&] {
    const Plan plan(input, {}, buckets, epochs_of(3, 1), 1, 7);
    std::vector<std::pair<BucketSize, int64_t>> sizes;
    for (const Strata::Bucket& bucket : plan.strata().buckets()) sizes.emplace_back(bucket.size, bucket.posts);
    EXPECT_EQ(plan.uses(), (std::vector<uint32_t>{1, 1, 1, 1, 1}));
    return sizes;
  };
  using Sizes = std::vector<std::pair<BucketSize, int64_t>>;
  EXPECT_EQ(sizes_of(), (Sizes{{{832, 1216}, 5}}));
  buckets.max_crop_loss = 0.4;
  EXPECT_EQ(sizes_of(), (Sizes{{{512, 2048}, 1}, {{832, 1216}, 4}}));
  buckets.max_crop_loss = 0.3;
  EXPECT_EQ(sizes_of(), (Sizes{{{512, 2048}, 1}, {{832, 1216}, 3}, {{1024, 1024}, 1}}));
  buckets.max_crop_loss.reset(), buckets.max_upscale = 1.2;  // 1024 to 1216 is 1.19 times, 512 to 832 more
  EXPECT_EQ(sizes_of(), (Sizes{{{512, 2048}, 1}, {{832, 1216}, 4}}));
}

// One picture with 0.3 repeats comes up in the fourth epoch.
TEST(Plan, ARunThatEndsBeforeItsFirstSampleIsAnError) {
  PlanInput input = squares(1);
  input.sources = {{0.3}};
  EXPECT_THROW(Plan(input, {}, {}, epochs_of(4, 3), 1, 7), DataError);
  EXPECT_EQ(Plan(input, {}, {}, epochs_of(4, 4), 1, 7).total_steps(), 1);
}

// A stage goes on with the turns of the epochs before it: with half a repeat, the other half of the pictures.
TEST(Plan, AStageGoesOnWithTheTurns) {
  PlanCase one;
  one.input = squares(20);
  one.input.sources = {{0.5}};
  one.batching = epochs_of(4, 1);
  std::vector<uint32_t> sum = one.plan().uses();
  one.first_epoch = 1;
  const std::vector<uint32_t> second = one.plan().uses();
  for (size_t i = 0; i < sum.size(); ++i) EXPECT_EQ(sum[i] + second[i], 1u);
  EXPECT_EQ(one.plan().epoch_of_step(1), 1);
}

// sd-scripts' rule: as many regularisation samples as others; ours all take turns.
TEST(Plan, RegularisationPicturesMatchTheOthersInNumber) {
  PlanInput input = squares(30);
  for (int64_t i = 0; i < 45; ++i) add_picture(input, 100 + i, 512, 512, 0, 1);
  input.sources = {{2}, {1, true}};
  const Plan plan(input, {}, {}, epochs_of(5, 3), 1, 7);
  const std::vector<uint32_t> uses = plan.uses();
  EXPECT_EQ(std::accumulate(uses.begin(), uses.begin() + 30, 0u), 180u);
  EXPECT_EQ(std::accumulate(uses.begin() + 30, uses.end(), 0u), 180u);
  for (size_t i = 30; i < uses.size(); ++i) EXPECT_EQ(uses[i], 4u);  // 60 / 45 x 3
}

TEST(Plan, IsTheSameForEveryWorldSize) {
  for (uint64_t number = 0; number < 20; ++number) {
    PlanCase one = random_case(number);
    one.batching.global_batch_size = 12;
    one.batching.train_batch_size = 4;
    const std::vector<GlobalBatch> alone = all_batches(one.plan());
    for (int64_t world_size : {2, 3, 4, 6, 12}) {
      one.world_size = world_size;
      ASSERT_EQ(all_batches(one.plan()), alone);
    }
  }
}

TEST(Plan, StepsCanBeAskedForInAnyOrder) {
  for (uint64_t number = 0; number < 20; ++number) {
    const PlanCase one = random_case(number);
    const Plan plan = one.plan();
    std::vector<std::vector<GlobalBatch>> forwards;
    for (int64_t step = 1; step <= plan.total_steps(); ++step) forwards.push_back(plan.step(step));
    const Plan again = one.plan();
    for (int64_t step = plan.total_steps(); step >= 1; --step) {
      ASSERT_EQ(again.step(step), forwards[static_cast<size_t>(step - 1)]);
      ASSERT_EQ(again.epoch_of_step(step), forwards[static_cast<size_t>(step - 1)].front().epoch);
    }
    EXPECT_THROW(plan.step(0), std::out_of_range);
    EXPECT_THROW(plan.step(plan.total_steps() + 1), std::out_of_range);
  }
}

// A longer run begins as the shorter one; only the last short batches differ.
TEST(Plan, ALongerRunBeginsTheSame) {
  for (uint64_t number = 0; number < 20; ++number) {
    PlanCase one = random_case(number);
    const Plan plan = one.plan();
    one.batching.max_train_steps = plan.total_steps() + 17;
    one.batching.max_train_epochs.reset();
    const Plan longer = one.plan();
    ASSERT_EQ(longer.total_steps(), plan.total_steps() + 17);
    for (int64_t step = 1; step <= plan.sequence().epoch_begin(plan.sequence().end_epoch()); ++step) {
      ASSERT_EQ(longer.step(step), plan.step(step));
    }
  }
}

TEST(Plan, SeedsDiffer) {
  PlanCase one;
  one.input = squares(300);
  one.batching = epochs_of(8, 2);
  const std::vector<GlobalBatch> first = all_batches(one.plan());
  ++one.seed;
  EXPECT_NE(all_batches(one.plan()), first);
}

// Order within an epoch is a fair shuffle: the mean position of a picture over many seeds is the middle.
TEST(Plan, OrderIsUniform) {
  constexpr int64_t kPosts = 50, kSeeds = 2000;
  std::vector<double> position_sum(kPosts, 0);
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Plan plan(squares(kPosts), {}, {}, epochs_of(5, 1), 1, seed);
    int64_t position = 0;
    for (const GlobalBatch& batch : all_batches(plan)) {
      for (const PlannedSample& sample : batch.samples) {
        position_sum[static_cast<size_t>(sample.row)] += static_cast<double>(position++);
      }
    }
  }
  const double deviation = std::sqrt((kPosts * kPosts - 1) / 12.0 / kSeeds);
  for (double sum : position_sum) EXPECT_NEAR(sum / kSeeds, (kPosts - 1) / 2.0, 5 * deviation);
}

TEST(Plan, UsesAreWhatAWalkCounts) {
  for (uint64_t number = 0; number < kCases; ++number) {
    PlanCase one = random_case(number);
    if (number % 2 > 0) {
      one.batching.max_train_steps = 1 + static_cast<int64_t>(number * 3);
      one.batching.max_train_epochs.reset();
    }
    const Plan plan = one.plan();
    std::map<int64_t, uint32_t> counted;
    for (const GlobalBatch& batch : all_batches(plan)) {
      for (const PlannedSample& sample : batch.samples) ++counted[sample.row];
    }
    const std::vector<uint32_t> uses = plan.uses();
    for (size_t i = 0; i < uses.size(); ++i) ASSERT_EQ(uses[i], counted[one.input.rows[i]]);
  }
}

// Without global_batch_size: batches of train_batch_size x world size, accumulated; numbered within the step.
TEST(Plan, AccumulationTakesSeveralBatchesAStep) {
  BatchingOptions batching;
  batching.train_batch_size = 2, batching.gradient_accumulation_steps = 3, batching.max_train_epochs = 2;
  const Plan plan(squares(25), {}, {}, batching, 2, 7);
  EXPECT_EQ(plan.batch_size(), 4);
  EXPECT_EQ(plan.total_steps(), 5);  // 50 = 12 x 4 + 2: 13 batches
  int64_t samples = 0;
  for (int64_t step = 1; step <= 5; ++step) {
    const std::vector<GlobalBatch> batches = plan.step(step);
    ASSERT_EQ(batches.size(), step < 5 ? 3u : 1u);
    for (size_t i = 0; i < batches.size(); ++i) {
      EXPECT_EQ(batches[i].step, step);
      EXPECT_EQ(batches[i].micro, static_cast<int32_t>(i));
      samples += static_cast<int64_t>(batches[i].samples.size());
    }
  }
  EXPECT_EQ(samples, 50);
}

// 20 pictures in batches of 3, two a step: epochs begin within steps.
TEST(Plan, StepsBeforeAnEpochAreThoseBeforeItsFirstBatch) {
  BatchingOptions batching;
  batching.train_batch_size = 3, batching.gradient_accumulation_steps = 2, batching.max_train_epochs = 4;
  const Plan plan(squares(20), {}, {}, batching, 1, 7);
  for (int64_t epoch = 0; epoch < 4; ++epoch) {
    int64_t first = 1;  // step that holds a batch of the epoch
    const auto holds = [&](int64_t step) {
      const std::vector<GlobalBatch> batches = plan.step(step);
      return std::ranges::any_of(batches, [&](const GlobalBatch& batch) { return batch.epoch == epoch; });
    };
    while (!holds(first)) ++first;
    EXPECT_EQ(plan.steps_before(epoch), first - 1) << epoch;
  }
  EXPECT_EQ(plan.steps_before(9), plan.total_steps());
}

TEST(Plan, FewPicturesAndManySteps) {
  BatchingOptions batching;
  batching.train_batch_size = 8, batching.max_train_steps = 5000;
  const Plan plan(squares(1), {}, {}, batching, 1, 7);
  EXPECT_EQ(plan.total_epochs(), 5000);
  EXPECT_EQ(plan.step(5000).front().samples, (std::vector<PlannedSample>{{0, 4999, 0}}));
  EXPECT_EQ(plan.uses(), (std::vector<uint32_t>{5000}));
}

TEST(Plan, WrongOptionsAreErrors) {
  BatchingOptions batching = epochs_of(10, 1);
  EXPECT_THROW(Plan(squares(5), {}, {}, batching, 3, 7), ConfigError);  // 3 processes, 10 samples
  batching.max_train_steps = 5;
  EXPECT_THROW(Plan(squares(5), {}, {}, batching, 1, 7), ConfigError);  // both lengths
  batching.max_train_steps.reset(), batching.max_train_epochs.reset();
  EXPECT_THROW(Plan(squares(5), {}, {}, batching, 1, 7), ConfigError);  // no length
  batching = epochs_of(10, 1);
  batching.gradient_accumulation_steps = 2;
  EXPECT_THROW(Plan(squares(5), {}, {}, batching, 1, 7), ConfigError);
  EXPECT_THROW(Plan(squares(0), {}, {}, epochs_of(10, 1), 1, 7), DataError);
  PlanInput unused = squares(5);
  unused.sources = {{0}};
  EXPECT_THROW(Plan(unused, {}, {}, epochs_of(10, 1), 1, 7), DataError);
}

}  // namespace
}  // namespace atelier

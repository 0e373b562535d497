#include "data/plan/plan_report.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/data/plan/plan_fixture.h"

namespace atelier {
namespace {

// Shares, exposure and short batches recounted from the batches themselves.
TEST(PlanReport, IsWhatAWalkCounts) {
  for (uint64_t number = 0; number < 60; ++number) {
    PlanCase one = random_case(number);
    if (number % 2 > 0) {
      one.batching.max_train_steps = 1 + static_cast<int64_t>(number * 2);
      one.batching.max_train_epochs.reset();
    }
    const Plan plan = one.plan();
    std::map<int64_t, int32_t> group_of_row;
    std::map<int64_t, double> weight_of_row;
    for (size_t i = 0; i < one.input.rows.size(); ++i) {
      group_of_row[one.input.rows[i]] = static_cast<int32_t>(one.input.marginals[0].class_of_row[i]);
      weight_of_row[one.input.rows[i]] = plan.strata().loss_weight(static_cast<int64_t>(i));
    }
    std::map<int64_t, int64_t> exposure;
    std::map<std::pair<int32_t, BucketSize>, BucketUse> buckets;
    std::vector<int64_t> class_samples(3, 0);
    std::vector<double> class_weights(3, 0);
    double weights = 0;
    int64_t samples = 0, short_batches = 0;
    for (const GlobalBatch& batch : all_batches(plan)) {
      BucketUse& use = buckets[{batch.resolution, {batch.width, batch.height}}];
      const auto size = static_cast<int64_t>(batch.samples.size());
      const bool is_short = size < *one.batching.global_batch_size;
      ++use.batches, use.samples += size, use.short_batches += is_short;
      samples += size, short_batches += is_short;
      for (const PlannedSample& sample : batch.samples) {
        ++exposure[sample.row];
        ++class_samples[static_cast<size_t>(group_of_row.at(sample.row))];
        class_weights[static_cast<size_t>(group_of_row.at(sample.row))] += weight_of_row.at(sample.row);
        weights += weight_of_row.at(sample.row);
      }
    }
    const PlanReport report = make_plan_report(plan, plan.uses_of_entries());
    ASSERT_EQ(report.samples, samples);
    ASSERT_EQ(report.short_batches, short_batches);
    ASSERT_EQ(report.unreached, static_cast<int64_t>(one.input.rows.size() - exposure.size()));
    int64_t largest = 0;
    for (const auto& [row, seen] : exposure) largest = std::max(largest, seen);
    ASSERT_EQ(report.largest_exposure, largest);
    for (size_t g = 0; g < 3; ++g) {
      const PlanReport::Class& in_class = report.marginals[0].classes[g];
      ASSERT_EQ(in_class.samples, class_samples[g]);
      ASSERT_NEAR(in_class.reached, class_weights[g] / weights, 1e-9);
    }
    for (const PlanReport::Bucket& bucket : report.buckets) {
      const BucketUse& use = buckets[{bucket.resolution, bucket.size}];
      ASSERT_EQ(bucket.use.batches, use.batches);
      ASSERT_EQ(bucket.use.short_batches, use.short_batches);
      ASSERT_EQ(bucket.use.samples, use.samples);
    }
  }
}

// One class a bucket and whole repeats: the wanted shares are reached exactly.
TEST(PlanReport, WantedSharesAreReached) {
  PlanInput input = empty_input({"girl_only", "boy_only", "mixed"});
  const auto add = [&](int32_t group, int32_t width, int32_t height, int count) {
    for (int i = 0; i < count; ++i)
      add_picture(input, static_cast<int64_t>(input.rows.size()), width, height, group, 0);
  };
  add(0, 1024, 1024, 800), add(1, 832, 1216, 150), add(2, 1216, 832, 50);
  BalanceOptions balance;
  balance.target = {{"girl_only", 0.4}, {"boy_only", 0.45}};  // 0.5, 3, and 3 for the rest
  BatchingOptions batching;
  batching.train_batch_size = 10, batching.max_train_epochs = 2;
  const Plan plan(input, balance, {}, batching, 1, 7);
  const PlanReport report = make_plan_report(plan, plan.uses_of_entries());
  EXPECT_EQ(report.samples, 2000);
  EXPECT_EQ(report.marginals[0].classes[0].samples, 800);
  EXPECT_EQ(report.marginals[0].classes[1].samples, 900);
  EXPECT_EQ(report.marginals[0].classes[2].samples, 300);
  EXPECT_NEAR(report.marginals[0].classes[0].natural, 0.8, 1e-12);
  EXPECT_NEAR(report.marginals[0].classes[2].wanted.value(), 0.15, 1e-12);
  EXPECT_EQ(report.unreached, 0);
  EXPECT_EQ(report.largest_exposure, 6);
  EXPECT_EQ(report.crop_loss, 0);
  EXPECT_EQ(report.resolutions[0].upscaled, 0);
}

TEST(PlanReport, CropLossIsWeightedByUse) {
  PlanInput input = empty_input();
  add_picture(input, 0, 1024, 1024), add_picture(input, 1, 1024, 2048, 0, 1);
  input.sources = {{1}, {3}};
  BucketOptions buckets;
  buckets.enable_bucket = false;
  BatchingOptions batching;
  batching.max_train_epochs = 1;
  const Plan plan(input, {}, buckets, batching, 1, 7);
  EXPECT_DOUBLE_EQ(make_plan_report(plan, plan.uses_of_entries()).crop_loss, 3.0 / 4 * 0.5);
}

}  // namespace
}  // namespace atelier

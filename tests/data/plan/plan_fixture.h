// Random plans for property tests, and what a plan's batches hold, gathered by walking all steps.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "configs/base/random.h"
#include "data/plan/plan.h"

namespace atelier {

/// Everything a Plan is made of.
struct PlanCase {
  PlanInput input;
  BalanceOptions balance;
  BucketOptions buckets;
  BatchingOptions batching;
  int64_t world_size = 1;
  uint64_t seed = 0;

  Plan plan() const { return Plan(input, balance, buckets, batching, world_size, seed); }
};

/// `posts` pictures in three classes and two sources, of sizes that fall into several buckets.
inline PlanInput random_input(CounterRng& rng, int64_t posts) {
  PlanInput input;
  input.group_names = {"girl_only", "boy_only", "no_humans"};
  const std::array<double, 8> repeats{1, 1, 2, 3, 0.5, 1.5, 0.3, 2.7};
  input.source_repeats = {repeats[rng.below(8)], repeats[rng.below(8)]};
  for (int64_t i = 0; i < posts; ++i) {
    PlanInput::Row row;
    row.row = 3 * i + 1;  // not the index
    row.width = static_cast<int32_t>(200 + rng.below(1000));
    row.height = rng.below(2) > 0 ? row.width : static_cast<int32_t>(200 + rng.below(1000));
    row.group = static_cast<int32_t>(rng.below(10) < 7 ? 0 : 1 + rng.below(2));
    row.source = static_cast<int32_t>(rng.below(2));
    input.rows.push_back(row);
  }
  return input;
}

/// Counts in epochs, with global_batch_size.
inline PlanCase random_case(uint64_t number) {
  CounterRng rng(number, "plan case", {});
  PlanCase one;
  one.input = random_input(rng, 1 + static_cast<int64_t>(rng.below(400)));
  one.buckets.resolution = 512, one.buckets.min_bucket_reso = 256, one.buckets.max_bucket_reso = 1024;
  one.buckets.bucket_reso_steps = rng.below(2) > 0 ? 64 : 128;
  one.buckets.bucket_no_upscale = rng.below(4) == 0;
  one.buckets.merge_small_buckets = rng.below(4) == 0;
  if (rng.below(2) > 0) {
    one.balance.target = {{"girl_only", 0.1 + 0.4 * rng.uniform()}, {"boy_only", 0.4 * rng.uniform()}};
    one.balance.max_repeat = 1 + 4 * rng.uniform();
    one.balance.epoch = rng.below(2) > 0 ? "natural" : "cover";
  }
  one.batching.global_batch_size = 1 + static_cast<int64_t>(rng.below(24));
  one.batching.max_train_epochs = 1 + static_cast<int64_t>(rng.below(6));
  one.seed = rng.next();
  return one;
}

inline std::vector<GlobalBatch> all_batches(const Plan& plan) {
  std::vector<GlobalBatch> batches;
  for (int64_t step = 1; step <= plan.total_steps(); ++step) {
    for (GlobalBatch& batch : plan.step(step)) batches.push_back(std::move(batch));
  }
  return batches;
}

}  // namespace atelier

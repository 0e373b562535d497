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
  int64_t first_epoch = 0;

  Plan plan() const { return Plan(input, balance, buckets, batching, world_size, seed, first_epoch); }
};

/// An input of one division whose classes have these names, without pictures.
inline PlanInput empty_input(std::vector<std::string> classes = {"all"}) {
  PlanInput input;
  input.marginals = {{"person_class", std::move(classes), {}}};
  return input;
}

/// A picture of a class of the first division.
inline void add_picture(PlanInput& input, int64_t row, int32_t width, int32_t height, int32_t of_class = 0,
                        int32_t source = 0) {
  input.rows.push_back(static_cast<uint32_t>(row));
  input.widths.push_back(width), input.heights.push_back(height);
  input.marginals[0].class_of_row.push_back(static_cast<uint32_t>(of_class));
  input.source_of_row.push_back(static_cast<uint16_t>(source));
}

/// `posts` pictures in three classes and two sources, of sizes that fall into several buckets.
inline PlanInput random_input(CounterRng& rng, int64_t posts) {
  PlanInput input = empty_input({"girl_only", "boy_only", "no_humans"});
  const std::array<double, 8> repeats{1, 1, 2, 3, 0.5, 1.5, 0.3, 2.7};
  input.sources = {{repeats[rng.below(8)]}, {repeats[rng.below(8)]}};
  for (int64_t i = 0; i < posts; ++i) {
    // The first is never enlarged: some picture always is within the limits.
    const auto width = static_cast<int32_t>(i == 0 ? 1536 : 200 + rng.below(1000));
    const int32_t height = i == 0 || rng.below(2) > 0 ? width : static_cast<int32_t>(200 + rng.below(1000));
    const auto of_class = static_cast<int32_t>(rng.below(10) < 7 ? 0 : 1 + rng.below(2));
    add_picture(input, 3 * i + 1, width, height, of_class, static_cast<int32_t>(rng.below(2)));  // rows are no indices
  }
  return input;
}

/// Divides the input once more, at random, and gives each picture a rarest tag.
inline void add_divisions(CounterRng& rng, PlanInput& input) {
  PlanInput::Marginal rating{"rating", {"general", "sensitive", "explicit"}, {}};
  for (int64_t i = 0; i < input.size(); ++i) {
    rating.class_of_row.push_back(static_cast<uint32_t>(rng.below(3)));
    input.rarest_tag_posts.push_back(static_cast<uint32_t>(rng.below(40)));
  }
  input.marginals.push_back(std::move(rating));
}

/// Balance of every kind.
inline void random_balance(CounterRng& rng, PlanCase& one) {
  if (rng.below(2) > 0) {
    one.balance.target = {{"girl_only", 0.1 + 0.4 * rng.uniform()}, {"boy_only", 0.4 * rng.uniform()}};
    one.balance.max_repeat = 1 + 4 * rng.uniform();
    one.balance.epoch = rng.below(2) > 0 ? "natural" : "cover";
    one.balance.apply = rng.below(4) == 0 ? "loss_weight" : "repeats";
  }
  if (rng.below(3) == 0) {
    add_divisions(rng, one.input);
    one.balance.rake.resize(1);
    one.balance.rake[0].by = "rating";
    if (rng.below(2) > 0) one.balance.rake[0].target = {{"general", 0.5 * rng.uniform()}};
    if (rng.below(2) > 0) one.balance.repeat_factor.threshold = 0.1;
  }
}

/// Counts in epochs, with global_batch_size.
inline PlanCase random_case(uint64_t number, int64_t most_posts = 400) {
  CounterRng rng(number, "plan case", {});
  PlanCase one;
  one.input = random_input(rng, 1 + static_cast<int64_t>(rng.below(static_cast<uint64_t>(most_posts))));
  one.buckets.resolution = 512, one.buckets.min_bucket_reso = 256, one.buckets.max_bucket_reso = 1024;
  one.buckets.bucket_reso_steps = rng.below(2) > 0 ? 64 : 128;
  one.buckets.bucket_no_upscale = rng.below(4) == 0;
  one.buckets.merge_small_buckets = rng.below(4) == 0;
  if (rng.below(3) == 0) one.buckets.resolutions = {{512}, {768, 0.7, {}, 1536}};
  if (rng.below(4) == 0) one.buckets.max_upscale = 1 + 2 * rng.uniform();
  random_balance(rng, one);
  one.batching.global_batch_size = 1 + static_cast<int64_t>(rng.below(24));
  one.batching.max_train_epochs = 1 + static_cast<int64_t>(rng.below(6));
  if (rng.below(4) == 0) one.first_epoch = static_cast<int64_t>(rng.below(9));
  one.seed = rng.next();
  return one;
}

/// floor(n r e) of a stratum, in integers.
inline int64_t total_uses(const Stratum& stratum, int64_t epochs) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<int64_t>(Wide{stratum.repeats.fixed()} * static_cast<uint64_t>(stratum.posts * epochs) >> 40);
}

inline std::vector<GlobalBatch> all_batches(const Plan& plan) {
  std::vector<GlobalBatch> batches;
  for (int64_t step = 1; step <= plan.total_steps(); ++step) {
    for (GlobalBatch& batch : plan.step(step)) batches.push_back(std::move(batch));
  }
  return batches;
}

}  // namespace atelier

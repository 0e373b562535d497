#include "data/plan/plan.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/random.h"
#include "configs/base/text.h"
#include "data/plan/numbering.h"

namespace atelier {
namespace {

constexpr double kLeastSamplesPerEpoch = 1e-3;  // epochs are counted one by one

void check(const BatchingOptions& batching, int64_t world_size) {
  if (batching.max_train_steps.has_value() == batching.max_train_epochs.has_value()) {
    throw ConfigError(batching.max_train_steps ? "max_train_steps and max_train_epochs are both given"
                                               : "the length of the run is not given",
                      "train", "give exactly one of max_train_steps and max_train_epochs");
  }
  if (!batching.global_batch_size) return;
  if (*batching.global_batch_size % world_size != 0) {
    throw ConfigError(text("global_batch_size ", *batching.global_batch_size, " does not divide by the ", world_size,
                           " processes of this run"),
                      "train.global_batch_size");
  }
  if (batching.gradient_accumulation_steps != 1) {
    throw ConfigError("with global_batch_size the accumulation follows from the number of processes",
                      "train.gradient_accumulation_steps", "leave it out");
  }
}

int64_t global_batch(const BatchingOptions& batching, int64_t world_size) {
  check(batching, world_size);
  return batching.global_batch_size.value_or(batching.train_batch_size * world_size);
}

std::shared_ptr<const Strata> make_strata(PlanInput input, const BalanceOptions& balance, const BucketOptions& buckets,
                                          int64_t batch_size, uint64_t seed) {
  auto strata =
      std::make_shared<Strata>(std::move(input), balance, buckets, buckets.merge_small_buckets ? batch_size : 0, seed);
  if (strata->samples_per_epoch() < kLeastSamplesPerEpoch) {
    throw DataError("there is nothing to train on: an epoch has no samples", "dataset",
                    "`atelier dataset stats` says why posts are left out; repeats and targets may be 0, max_upscale "
                    "and max_crop_loss may leave all out, and pictures of is_reg sources come only beside others");
  }
  return strata;
}

BatchSequence::Length run_length(const BatchingOptions& batching) {
  if (batching.max_train_epochs) return {std::nullopt, *batching.max_train_epochs};
  const int64_t batches_per_step = batching.global_batch_size ? 1 : batching.gradient_accumulation_steps;
  return {*batching.max_train_steps * batches_per_step, std::nullopt};
}

uint64_t bucket_order_key(uint64_t seed, const Strata::Bucket& bucket, int64_t epoch) {
  return random_key(seed, "plan bucket order",
                    {static_cast<uint64_t>(bucket.size.width), static_cast<uint64_t>(bucket.size.height),
                     static_cast<uint64_t>(epoch), static_cast<uint64_t>(bucket.resolution)});
}

/// Calls visit(entry of strata.order(), epoch, repeat) for each sample of a slice, in order.
template <typename Visit>
void walk(const Strata& strata, uint64_t seed, const BatchSlice& slice, Visit visit) {
  const Strata::Bucket& bucket = strata.buckets()[static_cast<size_t>(slice.bucket)];
  int64_t epoch = slice.epoch;
  while (strata.samples_before(slice.bucket, epoch) > slice.begin) --epoch;  // what was carried over comes first
  std::vector<int64_t> before, end;  // by stratum: uses before this epoch; ends in the epoch's unshuffled order
  for (int64_t position = slice.begin; position < slice.begin + slice.samples; ++epoch) {
    const int64_t epoch_begin = strata.samples_before(slice.bucket, epoch);
    before.clear(), end.clear();
    int64_t samples = 0;
    for (int64_t s = bucket.first_stratum; s < bucket.end_stratum; ++s) {
      const Stratum& stratum = strata.strata()[static_cast<size_t>(s)];
      before.push_back(stratum.uses_before(epoch));
      end.push_back(samples += stratum.uses_before(epoch + 1) - before.back());
    }
    const KeyedPermutation order(static_cast<uint64_t>(samples), bucket_order_key(seed, bucket, epoch));
    for (; position < std::min(slice.begin + slice.samples, epoch_begin + samples); ++position) {
      const auto item = static_cast<int64_t>(order(static_cast<uint64_t>(position - epoch_begin)));
      const auto s = static_cast<size_t>(std::upper_bound(end.begin(), end.end(), item) - end.begin());
      const Stratum& stratum = strata.strata()[static_cast<size_t>(bucket.first_stratum) + s];
      const Stratum::Use use = stratum.use(before[s], item - (s > 0 ? end[s - 1] : 0));
      visit(use.entry, epoch, use.repeat);
    }
  }
}

}  // namespace

Plan::Plan(PlanInput input, const BalanceOptions& balance, const BucketOptions& buckets,
           const BatchingOptions& batching, int64_t world_size, uint64_t seed, int64_t first_epoch)
    : seed_(seed),
      fixed_global_(batching.global_batch_size.has_value()),
      world_size_(world_size),
      batch_size_(global_batch(batching, world_size)),
      batches_per_step_(fixed_global_ ? 1 : batching.gradient_accumulation_steps),
      strata_(make_strata(std::move(input), balance, buckets, batch_size_, seed)),
      sequence_(strata_, batch_size_, run_length(batching), seed, first_epoch) {
  if (sequence_.size() > 0) return;
  const double samples = std::round(1000 * strata_->samples_per_epoch()) / 1000;
  throw DataError(text("the run ends before its first sample: an epoch has ", shortest(samples),
                       " of them, and the run ", total_epochs(), total_epochs() == 1 ? " epoch" : " epochs"),
                  "train.max_train_epochs", "more epochs, or more repeats of the sources");
}

int64_t Plan::total_steps() const { return (sequence_.size() + batches_per_step_ - 1) / batches_per_step_; }

std::vector<GlobalBatch> Plan::step(int64_t step) const {
  if (step < 1 || step > total_steps()) throw std::out_of_range(text("step ", step, " of ", total_steps()));
  const int64_t first = (step - 1) * batches_per_step_;
  std::vector<GlobalBatch> batches;
  for (int64_t i = first; i < std::min(first + batches_per_step_, sequence_.size()); ++i) {
    batches.push_back(batch(i));
  }
  return batches;
}

int64_t Plan::epoch_of_step(int64_t step) const { return sequence_.epoch_of((step - 1) * batches_per_step_); }

int64_t Plan::steps_before(int64_t epoch) const {
  if (epoch >= sequence_.end_epoch()) return total_steps();
  return sequence_.epoch_begin(std::max(epoch, sequence_.first_epoch())) / batches_per_step_;
}

GlobalBatch Plan::batch(int64_t index) const {
  const BatchSlice slice = sequence_[index];
  const Strata::Bucket& bucket = strata_->buckets()[static_cast<size_t>(slice.bucket)];
  GlobalBatch batch;
  batch.step = index / batches_per_step_ + 1;
  batch.epoch = slice.epoch;
  batch.micro = fixed_global_ ? -1 : static_cast<int32_t>(index % batches_per_step_);
  batch.resolution = strata_->resolutions()[static_cast<size_t>(bucket.resolution)].resolution;
  batch.width = bucket.size.width, batch.height = bucket.size.height;
  batch.samples.reserve(static_cast<size_t>(slice.samples));
  walk(*strata_, seed_, slice, [&](int64_t entry, int64_t epoch, int64_t repeat) {
    const uint32_t row = strata_->order()[static_cast<size_t>(entry)];
    batch.samples.push_back({strata_->input().rows[row], epoch, repeat});
  });
  return batch;
}

std::vector<uint32_t> Plan::uses_of_entries() const {
  std::vector<uint32_t> uses(strata_->order().size(), 0);
  const int64_t first = sequence_.first_epoch(), whole = sequence_.whole_end();
  // The samples of the whole epochs: of W uses of n posts, rank k has floor((W + k) / n).
  for_row_parts(std::ssize(uses), [&](int64_t begin, int64_t end) {
    auto stratum = std::prev(std::upper_bound(strata_->strata().begin(), strata_->strata().end(), begin,
                                              [](int64_t entry, const Stratum& s) { return entry < s.begin; }));
    for (; begin < end; ++stratum) {
      const KeyedPermutation post_of_rank(static_cast<uint64_t>(stratum->posts), stratum->rank_key);
      const int64_t before = stratum->uses_before(first), after = stratum->uses_before(whole);
      const int64_t stratum_end = std::min(end, stratum->begin + stratum->posts);
      for (; begin < stratum_end; ++begin) {
        const int64_t rank = begin - stratum->begin;
        const auto post = static_cast<int64_t>(post_of_rank(static_cast<uint64_t>(rank)));
        const int64_t used = (after + rank) / stratum->posts - (before + rank) / stratum->posts;
        uses[static_cast<size_t>(stratum->begin + post)] = static_cast<uint32_t>(used);
      }
    }
  });
  // Less what they carry over, and the batches after them.
  for (int64_t b = 0; b < std::ssize(strata_->buckets()); ++b) {
    const int64_t emitted = sequence_.emitted_before(b, whole);
    const BatchSlice carried{b, whole, emitted, strata_->samples_before(b, whole) - emitted};
    walk(*strata_, seed_, carried, [&](int64_t entry, int64_t, int64_t) { --uses[static_cast<size_t>(entry)]; });
  }
  for (int64_t i = sequence_.epoch_begin(whole); i < sequence_.size(); ++i) {
    walk(*strata_, seed_, sequence_[i], [&](int64_t entry, int64_t, int64_t) { ++uses[static_cast<size_t>(entry)]; });
  }
  return uses;
}

std::vector<uint32_t> Plan::uses_of_rows(const std::vector<uint32_t>& uses) const {
  std::vector<uint32_t> of_rows(strata_->input().rows.size(), 0);
  for (size_t entry = 0; entry < uses.size(); ++entry) of_rows[strata_->order()[entry]] += uses[entry];
  return of_rows;
}

}  // namespace atelier

// The plan: which samples, in which order, in which batches - a pure function of (rows, options, seed).
//
// Nothing is shuffled in memory. Every bucket is an endless stream: its epochs one after another, each in the order of a
// keyed permutation, cut into batches of one size. What an epoch leaves over is carried into the next. One keyed
// permutation orders the batches of an epoch. So any step is found by arithmetic, on any machine (docs/formats/plan_jsonl.md).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data/options/balance_options.h"
#include "data/options/batching_options.h"
#include "data/options/bucket_options.h"
#include "data/plan/strata.h"

namespace atelier {

struct PlannedSample {
  int64_t row = 0;     // of the manifest
  int64_t epoch = 0;   // the sample's own, not the one it is emitted in
  int64_t repeat = 0;  // 0, 1 ... within its epoch

  bool operator==(const PlannedSample&) const = default;
};

/// What all ranks together train on at once; one size.
struct GlobalBatch {
  int64_t step = 0;   // optimizer step, from 1
  int64_t epoch = 0;  // in which it is emitted, from 0
  int32_t micro = 0;  // 0.. within the step; -1 with global_batch_size
  int32_t width = 0, height = 0;
  std::vector<PlannedSample> samples;

  bool operator==(const GlobalBatch&) const = default;
};

/// Immutable and safe to use from several threads.
class Plan {
 public:
  /// With global_batch_size the plan is the same for every world size. ConfigError: options that contradict each other
  /// or the world size; DataError: nothing to train on.
  Plan(PlanInput input, const BalanceOptions& balance, const BucketOptions& buckets, const BatchingOptions& batching,
       int64_t world_size, uint64_t seed);

  /// Of the run.
  int64_t total_steps() const;
  /// Epochs begun.
  int64_t total_epochs() const { return static_cast<int64_t>(epoch_begin_.size()) - 1; }
  int64_t total_batches() const { return total_batches_; }

  /// The batches of one optimizer step, in any order of asking: resuming is asking for the next.
  /// REQUIRES 1 <= step <= total_steps(), else std::out_of_range.
  std::vector<GlobalBatch> step(int64_t step) const;
  /// The epoch in which the step's first batch is emitted.
  int64_t epoch_of_step(int64_t step) const;

  /// How often each row of the input is seen in the whole run; what the report's shares are counted from.
  std::vector<int64_t> uses() const;

  /// Samples of a batch that is not short.
  int64_t batch_size() const { return batch_size_; }
  /// With the classes, buckets and repeats of every row.
  const Strata& strata() const { return strata_; }
  /// True if the bucket holds less than one batch an epoch: it gives short batches every epoch, and carries nothing.
  bool is_small(int64_t bucket) const { return small_[static_cast<size_t>(bucket)]; }

 private:
  /// Samples [begin, begin + count) of a bucket's endless stream.
  struct Slice {
    int64_t bucket, begin, count;
  };

  int64_t batches_in_epoch(int64_t bucket, int64_t epoch) const;
  int64_t count_epoch(int64_t epoch) const;
  int64_t count_leftovers() const;
  void lay_out_epochs();
  int64_t epoch_of_batch(int64_t batch) const;
  /// Batch number `batch` of the run, from 0.
  Slice slice(int64_t batch, int64_t epoch) const;
  Slice leftover(int64_t index) const;
  GlobalBatch batch(int64_t batch) const;
  /// Calls visit(input row, epoch, repeat) for each sample of a slice; `epoch` is where to start looking backwards.
  template <typename Visit>
  void walk(const Slice& slice, int64_t epoch, Visit visit) const;

  Strata strata_;
  std::vector<bool> small_;
  bool fixed_global_;       // global_batch_size is given
  bool whole_epochs_;       // the run counts in epochs: its end empties the buckets
  int64_t batch_size_ = 0, batches_per_step_ = 0, total_batches_ = 0;
  std::vector<int64_t> epoch_begin_;  // batches before each epoch, and after the last
  uint64_t seed_;
};

/// One rank's part of a batch that goes through the model at once.
struct MicroBatch {
  int32_t width = 0, height = 0;
  std::vector<PlannedSample> samples;
  std::vector<float> weights;  // 1, or 0 for the padding of a short batch
};

/// Rank `rank`'s part of a global batch: items [rank * n, (rank + 1) * n), n = samples / world_size rounded up, cut into
/// micro-batches. Short batches are padded with their own samples at weight 0, so that all ranks do the same shapes.
std::vector<MicroBatch> rank_share(const GlobalBatch& batch, const BatchingOptions& batching, int64_t rank,
                                   int64_t world_size);

}  // namespace atelier

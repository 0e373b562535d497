// The plan: which samples, in which order, in which batches - a pure function of (rows, options, seed).
//
// Nothing is shuffled in memory: buckets are streams of keyed permutations (data/plan/batch_sequence.h), repeats are
// turns (data/plan/strata.h), so any step is found by arithmetic, on any machine. What the plan looks like as a file:
// docs/formats/plan_jsonl.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "data/options/balance_options.h"
#include "data/options/batching_options.h"
#include "data/options/bucket_options.h"
#include "data/plan/batch_sequence.h"
#include "data/plan/strata.h"

namespace atelier {

struct PlannedSample {
  int64_t row = 0;     // of the manifest
  int64_t epoch = 0;   // the sample's own, not the one it is emitted in
  int64_t repeat = 0;  // 0, 1 ... of this row in this epoch

  bool operator==(const PlannedSample&) const = default;
};

/// What all ranks together train on at once; one size.
struct GlobalBatch {
  int64_t step = 0;                    // optimizer step, from 1
  int64_t epoch = 0;                   // in which it is emitted, from 0
  int32_t micro = 0;                   // 0.. within the step; -1 with global_batch_size
  int32_t resolution = 0;              // px: which of the run's resolutions its bucket belongs to
  int32_t width = 0, height = 0;       // px
  std::vector<PlannedSample> samples;  // each (row, epoch, repeat) once a resolution

  bool operator==(const GlobalBatch&) const = default;
};

/// Immutable and safe to use from several threads; copies share their memory.
class Plan {
 public:
  /// With global_batch_size the plan is the same for every world size. A stage that continues after others begins with
  /// `first_epoch`: pictures go on taking turns where they were, nothing is carried over into it. ConfigError: options
  /// that contradict each other or the world size; DataError: nothing to train on.
  Plan(PlanInput input, const BalanceOptions& balance, const BucketOptions& buckets, const BatchingOptions& batching,
       int64_t world_size, uint64_t seed, int64_t first_epoch = 0);

  /// Of the run.
  int64_t total_steps() const;
  /// Epochs begun.
  int64_t total_epochs() const { return sequence_.epochs(); }

  /// The batches of one optimizer step, in any order of asking: resuming is asking for the next.
  /// REQUIRES 1 <= step <= total_steps(), else std::out_of_range.
  std::vector<GlobalBatch> step(int64_t step) const;
  /// The epoch in which the step's first batch is emitted.
  int64_t epoch_of_step(int64_t step) const;
  /// Steps that are whole before the first batch of an epoch; all of them for epochs beyond the run.
  int64_t steps_before(int64_t epoch) const;

  /// How often each entry of strata().order() - a row at a resolution - is seen in the whole run.
  std::vector<uint32_t> uses_of_entries() const;
  /// How often each row of the input is seen, at all resolutions: the sums of its entries' `uses`.
  std::vector<uint32_t> uses_of_rows(const std::vector<uint32_t>& uses) const;
  /// The same in the whole run.
  std::vector<uint32_t> uses() const { return uses_of_rows(uses_of_entries()); }

  /// Samples of a batch that is not short.
  int64_t batch_size() const { return batch_size_; }
  int64_t world_size() const { return world_size_; }
  /// Classes, buckets and repeats.
  const Strata& strata() const { return *strata_; }
  const BatchSequence& sequence() const { return sequence_; }

  /// By place in the run. REQUIRES 0 <= index < sequence().size().
  GlobalBatch batch(int64_t index) const;

 private:
  uint64_t seed_;
  bool fixed_global_;  // global_batch_size is given
  int64_t world_size_, batch_size_, batches_per_step_;
  std::shared_ptr<const Strata> strata_;
  BatchSequence sequence_;
};

/// One rank's part of a batch that goes through the model at once.
struct MicroBatch {
  int32_t width = 0, height = 0;
  std::vector<PlannedSample> samples;
  std::vector<float> weights;  // 1, or 0 for the padding of a short batch
};

/// Rank `rank`'s part of a global batch: items [rank * n, (rank + 1) * n) with n = samples / world_size rounded up, cut
/// into micro-batches. A short batch is padded with its own samples at weight 0, so that all ranks do the same shapes;
/// with global_batch_size its micro-batches are those of a full one, the last may be smaller.
std::vector<MicroBatch> rank_share(const GlobalBatch& batch, const BatchingOptions& batching, int64_t rank,
                                   int64_t world_size);

}  // namespace atelier

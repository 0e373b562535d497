// The batches of a run in order: which part of which bucket's stream each of them is.
//
// Every bucket is an endless stream: the samples of epoch 0, of epoch 1 ... With C(e) samples of a bucket before epoch
// e and batches of B, the bucket emits floor(C(e + 1) / B) - floor(C(e) / B) batches in epoch e: what an epoch leaves
// over is carried into the next. A bucket of less than one batch an epoch is small: it carries nothing and gives short
// batches every epoch. One keyed permutation orders the batches of an epoch. A run that counts in epochs ends with one
// short batch a bucket for what is left. A run that begins with a later epoch (a stage) carries nothing into it: C(e)
// counts from its first epoch on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "data/plan/strata.h"

namespace atelier {

/// Samples [begin, begin + samples) of a bucket's stream.
struct BatchSlice {
  int64_t bucket = 0;  // index into Strata::buckets()
  int64_t epoch = 0;   // in which the batch is emitted
  int64_t begin = 0, samples = 0;
};

/// What a bucket gives in the whole run.
struct BucketUse {
  int64_t batches = 0, short_batches = 0, samples = 0;
  int64_t padding = 0;  // samples of weight 0, so that all processes have equally many
};

class BatchSequence {
 public:
  /// How long a run is: exactly one of the two.
  struct Length {
    std::optional<int64_t> batches;
    std::optional<int64_t> epochs;
  };

  /// REQUIRES at least a thousandth of a sample an epoch: epochs are counted one by one.
  BatchSequence(std::shared_ptr<const Strata> strata, int64_t batch_size, Length length, uint64_t seed,
                int64_t first_epoch = 0);

  int64_t size() const { return size_; }
  /// Epochs begun.
  int64_t epochs() const { return static_cast<int64_t>(epoch_begin_.size()) - 1; }
  int64_t first_epoch() const { return first_epoch_; }
  /// The epoch after the last.
  int64_t end_epoch() const { return first_epoch_ + epochs(); }
  /// The first batch of an epoch; of end_epoch(): where the next epoch begins or would begin.
  int64_t epoch_begin(int64_t epoch) const { return epoch_begin_[static_cast<size_t>(epoch - first_epoch_)]; }
  int64_t epoch_of(int64_t batch) const;
  /// The epoch after the last whose batches are all in the run.
  int64_t whole_end() const { return size_ < epoch_begin_.back() ? end_epoch() - 1 : end_epoch(); }
  bool is_small(int64_t bucket) const { return small_[static_cast<size_t>(bucket)]; }

  /// REQUIRES 0 <= batch < size(). Any order of asking.
  BatchSlice operator[](int64_t batch) const;

  /// Where the batches of epochs before `epoch` end in a bucket's stream; that they begin with first_epoch()'s samples.
  int64_t emitted_before(int64_t bucket, int64_t epoch) const;
  /// `world_size` processes share each batch.
  std::vector<BucketUse> bucket_uses(int64_t world_size) const;

 private:
  int64_t batches_in_epoch(int64_t bucket, int64_t epoch) const;
  int64_t buckets() const { return static_cast<int64_t>(strata_->buckets().size()); }
  int64_t count_epoch(int64_t epoch) const;

  std::shared_ptr<const Strata> strata_;
  int64_t batch_size_, size_ = 0, first_epoch_;
  uint64_t seed_;
  std::vector<bool> small_;                // by bucket
  std::vector<int64_t> stream_begin_;      // by bucket: samples before the first epoch
  std::vector<int64_t> epoch_begin_{0};    // batches before each epoch, and after the last
  std::vector<int64_t> leftover_buckets_;  // those with a short batch at the end of the run
};

}  // namespace atelier

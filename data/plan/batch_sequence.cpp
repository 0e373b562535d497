#include "data/plan/batch_sequence.h"

#include <algorithm>
#include <utility>

#include "configs/base/random.h"

namespace atelier {

BatchSequence::BatchSequence(std::shared_ptr<const Strata> strata, int64_t batch_size, Length length, uint64_t seed,
                             int64_t first_epoch)
    : strata_(std::move(strata)), batch_size_(batch_size), first_epoch_(first_epoch), seed_(seed) {
  for (int64_t b = 0; b < buckets(); ++b) {
    const Strata::Bucket& bucket = strata_->buckets()[static_cast<size_t>(b)];
    small_.push_back(bucket.samples_per_epoch < static_cast<double>(batch_size));
    stream_begin_.push_back(strata_->samples_before(b, first_epoch));
  }
  const auto goes_on = [&] {
    return length.epochs ? epochs() < *length.epochs : epoch_begin_.back() < *length.batches;
  };
  while (goes_on()) epoch_begin_.push_back(epoch_begin_.back() + count_epoch(end_epoch()));
  if (length.epochs) {
    for (int64_t b = 0; b < buckets(); ++b) {
      if (emitted_before(b, end_epoch()) < strata_->samples_before(b, end_epoch())) leftover_buckets_.push_back(b);
    }
    size_ = epoch_begin_.back() + static_cast<int64_t>(leftover_buckets_.size());
  } else {
    size_ = *length.batches;
  }
}

int64_t BatchSequence::batches_in_epoch(int64_t bucket, int64_t epoch) const {
  const int64_t before = strata_->samples_before(bucket, epoch), after = strata_->samples_before(bucket, epoch + 1);
  if (is_small(bucket)) return (after - before + batch_size_ - 1) / batch_size_;
  const int64_t begin = stream_begin_[static_cast<size_t>(bucket)];
  return (after - begin) / batch_size_ - (before - begin) / batch_size_;
}

int64_t BatchSequence::count_epoch(int64_t epoch) const {
  int64_t batches = 0;
  for (int64_t b = 0; b < buckets(); ++b) batches += batches_in_epoch(b, epoch);
  return batches;
}

int64_t BatchSequence::emitted_before(int64_t bucket, int64_t epoch) const {
  const int64_t samples = strata_->samples_before(bucket, epoch);
  const int64_t begin = stream_begin_[static_cast<size_t>(bucket)];
  return is_small(bucket) ? samples : begin + (samples - begin) / batch_size_ * batch_size_;
}

int64_t BatchSequence::epoch_of(int64_t batch) const {
  const auto after = std::upper_bound(epoch_begin_.begin(), epoch_begin_.end(), batch);
  return first_epoch_ + std::min<int64_t>(after - epoch_begin_.begin(), epochs()) - 1;
}

BatchSlice BatchSequence::operator[](int64_t batch) const {
  const int64_t epoch = epoch_of(batch);
  if (batch >= epoch_begin_.back()) {
    const int64_t bucket = leftover_buckets_[static_cast<size_t>(batch - epoch_begin_.back())];
    const int64_t begin = emitted_before(bucket, end_epoch());
    return {bucket, epoch, begin, strata_->samples_before(bucket, end_epoch()) - begin};
  }
  const int64_t begin = epoch_begin(epoch);
  const KeyedPermutation order(static_cast<uint64_t>(epoch_begin(epoch + 1) - begin),
                               random_key(seed_, "plan batch order", {static_cast<uint64_t>(epoch)}));
  auto place = static_cast<int64_t>(order(static_cast<uint64_t>(batch - begin)));
  int64_t bucket = 0;
  for (;; ++bucket) {
    const int64_t batches = batches_in_epoch(bucket, epoch);
    if (place < batches) break;
    place -= batches;
  }
  const int64_t first = emitted_before(bucket, epoch) + place * batch_size_;
  return {bucket, epoch, first, std::min(batch_size_, strata_->samples_before(bucket, epoch + 1) - first)};
}

std::vector<BucketUse> BatchSequence::bucket_uses(int64_t world_size) const {
  std::vector<BucketUse> uses(strata_->buckets().size());
  const auto add_batch = [&](BucketUse& use, int64_t samples) {
    ++use.batches;
    use.samples += samples;
    use.short_batches += samples < batch_size_;
    use.padding += (samples + world_size - 1) / world_size * world_size - samples;
  };
  const int64_t whole = whole_end();
  for (int64_t b = 0; b < buckets(); ++b) {
    BucketUse& use = uses[static_cast<size_t>(b)];
    if (!is_small(b)) {
      use.samples = emitted_before(b, whole) - stream_begin_[static_cast<size_t>(b)];
      use.batches = use.samples / batch_size_;
      continue;
    }
    for (int64_t epoch = first_epoch_; epoch < whole; ++epoch) {
      int64_t samples = strata_->samples_before(b, epoch + 1) - strata_->samples_before(b, epoch);
      for (; samples > 0; samples -= batch_size_) add_batch(use, std::min(samples, batch_size_));
    }
  }
  for (int64_t batch = epoch_begin(whole); batch < size_; ++batch) {
    const BatchSlice slice = (*this)[batch];
    add_batch(uses[static_cast<size_t>(slice.bucket)], slice.samples);
  }
  return uses;
}

}  // namespace atelier

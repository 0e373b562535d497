#include <algorithm>

#include "data/plan/plan.h"

namespace atelier {
namespace {

int64_t largest_divisor(int64_t number, int64_t at_most) {
  for (int64_t divisor = std::min(number, at_most); divisor > 1; --divisor) {
    if (number % divisor == 0) return divisor;
  }
  return 1;
}

int64_t micro_batch_size(const BatchingOptions& batching, int64_t world_size) {
  if (!batching.global_batch_size) return batching.train_batch_size;
  return largest_divisor(*batching.global_batch_size / world_size, batching.train_batch_size);
}

}  // namespace

std::vector<MicroBatch> rank_share(const GlobalBatch& batch, const BatchingOptions& batching, int64_t rank,
                                   int64_t world_size) {
  const auto samples = static_cast<int64_t>(batch.samples.size());
  const int64_t share = (samples + world_size - 1) / world_size;
  const int64_t micro = micro_batch_size(batching, world_size);
  std::vector<MicroBatch> parts;
  for (int64_t begin = rank * share; begin < (rank + 1) * share; begin += micro) {
    MicroBatch& part = parts.emplace_back();
    part.width = batch.width, part.height = batch.height;
    for (int64_t i = begin; i < std::min(begin + micro, (rank + 1) * share); ++i) {
      part.samples.push_back(batch.samples[static_cast<size_t>(i % samples)]);
      part.weights.push_back(i < samples ? 1.0f : 0.0f);
    }
  }
  return parts;
}

}  // namespace atelier

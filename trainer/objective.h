// The seam between the trainer and what is learned: the trainer asks an Objective for the loss of a micro-batch and
// knows nothing of the task.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "data/loader/batch_loader.h"

namespace atelier {

struct MicroLoss {
  at::Tensor total;                // scalar: sum of weight x loss over samples; carries the graph
  at::Tensor per_sample;           // [B] fp32, without weights and graph
  std::vector<int64_t> timesteps;  // of each sample, 0 .. num_train_timesteps - 1
};

class Objective {
 public:
  virtual ~Objective() = default;
  virtual MicroLoss loss(const LoadedBatch& batch) = 0;
  /// Timesteps are in [0, this).
  virtual int64_t num_timesteps() const = 0;
};

}  // namespace atelier

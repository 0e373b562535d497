// Optimizers over the flat store. A new one is one file and one line in optimizer.cpp's table.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "trainer/flat_store.h"
#include "trainer/options/train_options.h"

namespace atelier {

/// State laid out as the store is, one number a parameter element.
struct OptimizerState {
  std::string name;   // "exp_avg", as PyTorch's optimizer calls it
  at::Tensor values;  // [store.size()] fp32
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// Updates the master weights from the gradients. `learning_rates`: one a group of the store. `step` counts from 1.
  virtual void step(const std::vector<double>& learning_rates, int64_t step) = 0;
  virtual std::vector<OptimizerState> state() = 0;
};

/// By `optimizer_type`. `store` must outlive the optimizer.
std::unique_ptr<Optimizer> make_optimizer(const TrainOptions& options, FlatStore& store);

/// AdamW (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019), element by element as
/// torch.optim.AdamW.
std::unique_ptr<Optimizer> make_adamw(const TrainOptions& options, FlatStore& store);

}  // namespace atelier

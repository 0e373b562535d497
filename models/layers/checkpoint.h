// Gradient checkpointing: a block's activations are computed again in the backward pass instead of being kept.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace atelier {

using Tensors = std::vector<at::Tensor>;
using TensorFunction = std::function<Tensors(const Tensors& inputs)>;

/// block(inputs), with nothing kept for backward but `inputs`. The block is run once more in backward, so it must be a
/// pure function of its inputs and its parameters, which must outlive the graph; parameters get their gradients as
/// usual. Without gradient mode it is a plain call.
///
/// Reentrant: works under Tensor::backward(); torch::autograd::grad() of parameters inside the block does not see them.
Tensors checkpoint(const TensorFunction& block, const Tensors& inputs);

}  // namespace atelier

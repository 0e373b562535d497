// The activation functions of the networks, forward and backward.
#pragma once

#include <ATen/core/Tensor.h>

namespace atelier {

enum class Activation { kNone, kSilu, kGelu, kQuickGelu };

/// By ATen, differentiable. kGelu is the exact one (erf); kQuickGelu is x * sigmoid(1.702 x).
at::Tensor activate(Activation activation, const at::Tensor& input);

/// The same outside of the graph: our kernels where they serve (CPU fp32), else ATen.
at::Tensor activate_forward(Activation activation, const at::Tensor& input);
/// gradient * activation'(input), outside of the graph.
at::Tensor activate_backward(Activation activation, const at::Tensor& gradient, const at::Tensor& input);

}  // namespace atelier

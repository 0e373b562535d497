// The activation functions of the networks, forward and backward.
#pragma once

#include <ATen/core/Tensor.h>

namespace atelier {

enum class Activation { kNone, kSilu, kGelu, kQuickGelu };

/// kGelu is the exact one (erf); kQuickGelu is x * sigmoid(1.702 x).
at::Tensor activate(Activation activation, const at::Tensor& input);

/// gradient * activation'(input)
at::Tensor activate_backward(Activation activation, const at::Tensor& gradient, const at::Tensor& input);

}  // namespace atelier

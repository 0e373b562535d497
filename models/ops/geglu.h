// value * gelu(gate), with [value, gate] = the halves of the last dimension (Shazeer, "GLU Variants Improve
// Transformer", 2020); the exact GELU. Our kernels where they serve (CPU fp32, CUDA), else ATen's formulas.
#pragma once

#include <ATen/core/Tensor.h>

namespace atelier {

/// [..., 2C] -> [..., C]
at::Tensor geglu(const at::Tensor& input);

/// The gradient of `input`.
at::Tensor geglu_backward(const at::Tensor& gradient /*[..., C]*/, const at::Tensor& input /*[..., 2C]*/);

}  // namespace atelier

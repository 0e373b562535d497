// activation(norm(x)) as one operation, forward and backward: GroupNorm and LayerNorm. The fastest body that the
// tensors allow is taken: our kernels for the CPU (fp32) and for CUDA (NHWC), else ATen's formulas.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

#include "models/ops/activation.h"

namespace atelier {

/// Which norm.
struct NormShape {
  int64_t groups = 0;  // of the channels of [B, C, ...]; 0: LayerNorm, over the last dimension of [..., C]
  double eps = 1e-5;
};

struct Normalised {
  at::Tensor output;      // as the input
  at::Tensor mean, rstd;  // [B, groups], or [..., 1] of a LayerNorm
};

/// `input` may have any layout. The output of a GroupNorm of [B, C, h, w] is channels_last where our kernels for CUDA
/// run; elsewhere it keeps channels_last, and is contiguous otherwise.
Normalised norm_activation(const NormShape& shape, Activation activation, const at::Tensor& input,
                           const at::Tensor& weight /*[C]*/, const at::Tensor& bias /*[C]*/);

/// The output once more, bit for bit.
at::Tensor norm_activation_again(const NormShape& shape, Activation activation, const at::Tensor& input,
                                 const Normalised& statistics, const at::Tensor& weight, const at::Tensor& bias);

/// The gradients of input, weight and bias, undefined where not `wanted`. Of `statistics` mean and rstd are read.
std::array<at::Tensor, 3> norm_activation_backward(const NormShape& shape, Activation activation,
                                                   const at::Tensor& gradient, const at::Tensor& input,
                                                   const Normalised& statistics, const at::Tensor& weight,
                                                   const at::Tensor& bias, std::array<bool, 3> wanted);

}  // namespace atelier

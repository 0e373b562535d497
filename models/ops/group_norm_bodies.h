// Our own bodies of GroupNorm + SiLU, and which tensors they take.
#pragma once

#include "models/ops/norm.h"

namespace atelier {

/// The three functions of models/ops/norm.h for the tensors that group_norm_body() accepted.
class GroupNormBody {
 public:
  virtual ~GroupNormBody() = default;
  virtual Normalised forward(const NormShape& shape, Activation activation, const at::Tensor& input,
                             const at::Tensor& weight, const at::Tensor& bias) const = 0;
  virtual at::Tensor again(const NormShape& shape, Activation activation, const at::Tensor& input,
                           const Normalised& statistics, const at::Tensor& weight, const at::Tensor& bias) const = 0;
  virtual std::array<at::Tensor, 3> backward(const NormShape& shape, Activation activation, const at::Tensor& gradient,
                                             const at::Tensor& input, const Normalised& statistics,
                                             const at::Tensor& weight, const at::Tensor& bias,
                                             std::array<bool, 3> wanted) const = 0;
};

/// The body for these tensors; null: ATen's formula. The CPU's takes fp32; CUDA's fp32, fp16 and bf16, where nvcc was
/// there at build time.
const GroupNormBody* group_norm_body(const NormShape& shape, Activation activation, const at::Tensor& input,
                                     const at::Tensor& weight);

}  // namespace atelier

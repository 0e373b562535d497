// The CUDA bodies as models/ops sees them. Built without nvcc, they take nothing and ATen's formulas serve.
#pragma once

#include <ATen/core/Tensor.h>

#include "models/ops/group_norm_bodies.h"

namespace atelier {

/// For NHWC tensors (other layouts are converted); null where the kernels are not built or do not take the type.
const GroupNormBody* cuda_group_norm(const at::Tensor& input, const at::Tensor& weight);

bool cuda_geglu_takes(const at::Tensor& input);
/// REQUIRE cuda_geglu_takes(input).
at::Tensor cuda_geglu(const at::Tensor& input);
at::Tensor cuda_geglu_backward(const at::Tensor& gradient, const at::Tensor& input);

}  // namespace atelier

// The fused bodies' second half: linear layer and convolution as autograd nodes that do not keep their input but the
// recipe that makes it again.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "models/layers/projection.h"

namespace atelier {

/// REQUIRES gradient mode and input.recipe(). The input is made again only if `weight` requires a gradient.
at::Tensor fused_linear(const ProjectionInput& input, const at::Tensor& weight, const at::Tensor& bias);
at::Tensor fused_conv2d(const ProjectionInput& input, const at::Tensor& weight, const at::Tensor& bias, int64_t stride,
                        int64_t padding);

}  // namespace atelier

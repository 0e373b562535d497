// The fused bodies' first half: norm, activation and GEGLU as one autograd node each, whose output can be made again.
#pragma once

#include <ATen/core/Tensor.h>

#include "models/layers/norm.h"
#include "models/layers/projection.h"
#include "models/ops/activation.h"

namespace atelier {

/// activation(norm(input)); keeps `input` and the statistics.
ProjectionInput fused_norm(const Norm& norm, Activation activation, const at::Tensor& input);

/// activation(input); keeps `input`.
ProjectionInput fused_activation(Activation activation, const at::Tensor& input);

/// value * gelu(gate); keeps `input` [..., 2C].
ProjectionInput fused_geglu(const at::Tensor& input);

/// The pixels of `input` [B, C, h, w] as positions [B, h*w, C].
ProjectionInput as_positions(const ProjectionInput& input);

}  // namespace atelier

// The unit of speed: norm + activation -> projection. Every block is written in these, so that a body which keeps only
// its input and its statistics can take the place of the plain one for all of them at once (docs/architecture.md).
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

#include "models/layers/norm.h"
#include "models/layers/projection.h"

namespace atelier {

enum class Activation { kNone, kSilu, kGelu, kQuickGelu };

/// kGelu is the exact one (erf); kQuickGelu is x * sigmoid(1.702 x).
at::Tensor activate(Activation activation, const at::Tensor& input);

/// projection(activation(norm(input)))
at::Tensor normed_projection(const Norm& norm, Activation activation, const Projection& projection,
                             const at::Tensor& input);

/// Several projections of one normalised input (queries, keys, values).
template <size_t N>
std::array<at::Tensor, N> normed_projections(const Norm& norm, const std::array<const Projection*, N>& projections,
                                             const at::Tensor& input) {
  const ProjectionInput normed(norm.forward(input));
  std::array<at::Tensor, N> outputs;
  for (size_t i = 0; i < N; ++i) outputs[i] = projections[i]->forward(normed);
  return outputs;
}

/// projection(value * gelu(gate)) with [value, gate] = the halves of input's last dimension (Shazeer, "GLU Variants
/// Improve Transformer", 2020).
at::Tensor geglu_projection(const Projection& projection, const at::Tensor& input /*[..., 2C]*/);

}  // namespace atelier

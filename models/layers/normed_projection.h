// The unit of speed: norm + activation -> projection. Every block is written in these, so that a body which keeps only
// its input and its statistics can take the place of the plain one for all of them at once (docs/architecture.md).
// Which body runs is the projection's: set_layer_body().
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

#include "models/layers/norm.h"
#include "models/layers/projection.h"
#include "models/ops/activation.h"

namespace atelier {

/// activation(norm(input)) for projections of this body.
ProjectionInput normed_input(LayerBody body, const Norm& norm, Activation activation, const at::Tensor& input);

/// projection(activation(norm(input)))
at::Tensor normed_projection(const Norm& norm, Activation activation, const Projection& projection,
                             const at::Tensor& input);

/// Several projections of one normalised input (queries, keys, values).
template <size_t N>
std::array<at::Tensor, N> normed_projections(const Norm& norm, const std::array<const Projection*, N>& projections,
                                             const at::Tensor& input) {
  const ProjectionInput normed = normed_input(projections[0]->body(), norm, Activation::kNone, input);
  std::array<at::Tensor, N> outputs;
  for (size_t i = 0; i < N; ++i) outputs[i] = projections[i]->forward(normed);
  return outputs;
}

/// A Linear projection of the normalised pixels as positions: [B, C, h, w] -> [B, h*w, out].
at::Tensor normed_positions_projection(const Norm& norm, const Projection& projection, const at::Tensor& input);

/// projection(activation(input))
at::Tensor activated_projection(Activation activation, const Projection& projection, const at::Tensor& input);

/// projection(value * gelu(gate)) with [value, gate] = the halves of input's last dimension (Shazeer, "GLU Variants
/// Improve Transformer", 2020).
at::Tensor geglu_projection(const Projection& projection, const at::Tensor& input /*[..., 2C]*/);

}  // namespace atelier

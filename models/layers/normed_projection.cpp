#include "models/layers/normed_projection.h"

#include <ATen/ATen.h>

#include "models/layers/fused_input.h"

namespace atelier {

ProjectionInput normed_input(LayerBody body, const Norm& norm, Activation activation, const at::Tensor& input) {
  if (body == LayerBody::kFused) return fused_norm(norm, activation, input);
  return activate(activation, norm.forward(input));
}

at::Tensor normed_projection(const Norm& norm, Activation activation, const Projection& projection,
                             const at::Tensor& input) {
  return projection.forward(normed_input(projection.body(), norm, activation, input));
}

at::Tensor normed_positions_projection(const Norm& norm, const Projection& projection, const at::Tensor& input) {
  return projection.forward(as_positions(normed_input(projection.body(), norm, Activation::kNone, input)));
}

at::Tensor activated_projection(Activation activation, const Projection& projection, const at::Tensor& input) {
  if (projection.body() == LayerBody::kFused) return projection.forward(fused_activation(activation, input));
  return projection.forward(activate(activation, input));
}

at::Tensor geglu_projection(const Projection& projection, const at::Tensor& input) {
  if (projection.body() == LayerBody::kFused) return projection.forward(fused_geglu(input));
  const std::vector<at::Tensor> halves = input.chunk(2, -1);
  return projection.forward(halves[0] * at::gelu(halves[1]));
}

}  // namespace atelier

#include "models/layers/normed_projection.h"

#include <ATen/ATen.h>

namespace atelier {

at::Tensor activate(Activation activation, const at::Tensor& input) {
  switch (activation) {
    case Activation::kNone: return input;
    case Activation::kSilu: return at::silu(input);
    case Activation::kGelu: return at::gelu(input);
    case Activation::kQuickGelu: return input * at::sigmoid(1.702 * input);
  }
  return input;
}

at::Tensor normed_projection(const Norm& norm, Activation activation, const Projection& projection,
                             const at::Tensor& input) {
  return projection.forward(activate(activation, norm.forward(input)));
}

at::Tensor geglu_projection(const Projection& projection, const at::Tensor& input) {
  const std::vector<at::Tensor> halves = input.chunk(2, -1);
  return projection.forward(halves[0] * at::gelu(halves[1]));
}

}  // namespace atelier

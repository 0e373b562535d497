#include "models/ops/activation.h"

#include <ATen/ATen.h>

namespace atelier {
namespace {

constexpr double kQuickGeluSlope = 1.702;

}  // namespace

at::Tensor activate(Activation activation, const at::Tensor& input) {
  switch (activation) {
    case Activation::kNone: return input;
    case Activation::kSilu: return at::silu(input);
    case Activation::kGelu: return at::gelu(input);
    case Activation::kQuickGelu: return input * at::sigmoid(kQuickGeluSlope * input);
  }
  return input;
}

at::Tensor activate_backward(Activation activation, const at::Tensor& gradient, const at::Tensor& input) {
  switch (activation) {
    case Activation::kNone: return gradient;
    case Activation::kSilu: return at::silu_backward(gradient, input);
    case Activation::kGelu: return at::gelu_backward(gradient, input);
    case Activation::kQuickGelu: {
      const at::Tensor sigmoid = at::sigmoid(kQuickGeluSlope * input);
      return gradient * (sigmoid + kQuickGeluSlope * input * sigmoid * (1 - sigmoid));
    }
  }
  return gradient;
}

}  // namespace atelier

#include "models/ops/norm.h"

#include <ATen/ATen.h>

#include <tuple>

#include "models/ops/group_norm_bodies.h"

namespace atelier {
namespace {

/// ATen's GroupNorm on CUDA knows NCHW only.
at::Tensor group_norm_layout(const at::Tensor& tensor) {
  return tensor.is_cuda() ? tensor.contiguous() : tensor.contiguous(tensor.suggest_memory_format());
}

Normalised formula(const NormShape& shape, const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias) {
  if (shape.groups == 0) {
    auto [output, mean, rstd] = at::native_layer_norm(input, weight.sizes(), weight, bias, shape.eps);
    return {output, mean, rstd};
  }
  const int64_t batch = input.size(0), channels = input.size(1);
  auto [output, mean, rstd] =
      at::native_group_norm(group_norm_layout(input), weight, bias, batch, channels,
                            input.numel() / (batch * channels), shape.groups, shape.eps);
  return {output, mean, rstd};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> formula_backward(const NormShape& shape, const at::Tensor& gradient,
                                                                const at::Tensor& input, const Normalised& statistics,
                                                                const at::Tensor& weight, const at::Tensor& bias,
                                                                std::array<bool, 3> wanted) {
  if (shape.groups == 0) {
    return at::native_layer_norm_backward(gradient, input, weight.sizes(), statistics.mean, statistics.rstd, weight,
                                          bias, wanted);
  }
  const int64_t batch = input.size(0), channels = input.size(1);
  const at::Tensor laid_out = group_norm_layout(input);
  return at::native_group_norm_backward(gradient.contiguous(laid_out.suggest_memory_format()), laid_out,
                                        statistics.mean, statistics.rstd, weight, batch, channels,
                                        input.numel() / (batch * channels), shape.groups, wanted);
}

}  // namespace

Normalised norm_activation(const NormShape& shape, Activation activation, const at::Tensor& input,
                           const at::Tensor& weight, const at::Tensor& bias) {
  if (const GroupNormBody* body = group_norm_body(shape, activation, input, weight)) {
    return body->forward(shape, activation, input, weight, bias);
  }
  Normalised result = formula(shape, input, weight, bias);
  result.output = activate_forward(activation, result.output);
  return result;
}

at::Tensor norm_activation_again(const NormShape& shape, Activation activation, const at::Tensor& input,
                                 const Normalised& statistics, const at::Tensor& weight, const at::Tensor& bias) {
  if (const GroupNormBody* body = group_norm_body(shape, activation, input, weight)) {
    return body->again(shape, activation, input, statistics, weight, bias);
  }
  return activate_forward(activation, formula(shape, input, weight, bias).output);
}

std::array<at::Tensor, 3> norm_activation_backward(const NormShape& shape, Activation activation,
                                                   const at::Tensor& gradient, const at::Tensor& input,
                                                   const Normalised& statistics, const at::Tensor& weight,
                                                   const at::Tensor& bias, std::array<bool, 3> wanted) {
  if (const GroupNormBody* body = group_norm_body(shape, activation, input, weight)) {
    return body->backward(shape, activation, gradient, input, statistics, weight, bias, wanted);
  }
  at::Tensor of_normed = gradient;
  if (activation != Activation::kNone) {
    of_normed = activate_backward(activation, gradient, formula(shape, input, weight, bias).output);
  }
  auto [of_input, of_weight, of_bias] =
      formula_backward(shape, of_normed, input, statistics, weight, bias, wanted);
  return {of_input, of_weight, of_bias};
}

}  // namespace atelier

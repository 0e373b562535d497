#include "models/layers/projection.h"

#include <ATen/ATen.h>

namespace atelier {

at::Tensor Projection::forward(const at::Tensor& input) const {
  at::Tensor output = base(input);
  for (const auto& adapter : adapters_) output = output + adapter->delta(*this, input);
  return output;
}

Linear::Linear(int64_t in_features, int64_t out_features, bool bias) {
  add_parameter("weight", weight_, {out_features, in_features}, Init::fan_in(in_features));
  if (bias) add_parameter("bias", bias_, {out_features}, Init::fan_in(in_features));
}

at::Tensor Linear::apply(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias) const {
  return at::linear(input, weight, bias);
}

Conv2d::Conv2d(int64_t in_channels, int64_t out_channels, int64_t kernel_size, int64_t stride, int64_t padding)
    : stride_(stride), padding_(padding) {
  const Init init = Init::fan_in(in_channels * kernel_size * kernel_size);
  add_parameter("weight", weight_, {out_channels, in_channels, kernel_size, kernel_size}, init);
  add_parameter("bias", bias_, {out_channels}, init);
}

at::Tensor Conv2d::apply(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias) const {
  return at::conv2d(input, weight, bias, stride_, padding_);
}

}  // namespace atelier

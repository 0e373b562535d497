#include "models/layers/projection.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <stdexcept>

#include "models/layers/fused_projection.h"
#include "models/layers/memory_layout.h"

namespace atelier {

at::Tensor Adapter::delta(const Projection&, const ProjectionInput&) const {
  throw std::logic_error("Adapter::delta: this adapter acts through the weight");
}

bool Projection::adapters_act_on_output() const {
  return std::all_of(adapters_.begin(), adapters_.end(), [](const auto& adapter) { return adapter->acts_on_output(); });
}

at::Tensor Projection::forward(const ProjectionInput& input) const {
  at::Tensor output = apply(input, effective_weight(), bias_);
  if (!adapters_act_on_output()) return output;
  for (const auto& adapter : adapters_) output = output + adapter->delta(*this, input);
  return output;
}

at::Tensor Projection::effective_weight() const { return adapters_act_on_output() ? weight_ : merged_weight(); }

at::Tensor Projection::merged_weight() const {
  at::Tensor weight = weight_;
  for (const auto& adapter : adapters_) weight = adapter->adapted_weight(weight);
  return weight;
}

void Projection::absorb_adapters() {
  if (adapters_act_on_output()) return;
  const at::NoGradGuard no_grad;
  weight_ = in_device_layout(merged_weight()).set_requires_grad(weight_.requires_grad());
  adapters_.clear();
}

void absorb_adapters(Module& model) {
  model.for_each_module([](const std::string&, Module& module) {
    if (auto* projection = dynamic_cast<Projection*>(&module)) projection->absorb_adapters();
  });
}

Linear::Linear(int64_t in_features, int64_t out_features, bool bias) {
  add_parameter("weight", weight_, {out_features, in_features}, Init::fan_in(in_features));
  if (bias) add_parameter("bias", bias_, {out_features}, Init::fan_in(in_features));
}

at::Tensor Linear::apply(const ProjectionInput& input, const at::Tensor& weight, const at::Tensor& bias) const {
  if (input.recipe() && at::GradMode::is_enabled()) return fused_linear(input, weight, bias);
  return at::linear(input.tensor(), weight, bias);
}

Conv2d::Conv2d(int64_t in_channels, int64_t out_channels, int64_t kernel_size, int64_t stride, int64_t padding)
    : stride_(stride), padding_(padding) {
  const Init init = Init::fan_in(in_channels * kernel_size * kernel_size);
  add_parameter("weight", weight_, {out_channels, in_channels, kernel_size, kernel_size}, init);
  add_parameter("bias", bias_, {out_channels}, init);
}

at::Tensor Conv2d::apply(const ProjectionInput& input, const at::Tensor& weight, const at::Tensor& bias) const {
  const at::Tensor laid_out = in_device_layout(input.tensor());
  if (input.recipe() && at::GradMode::is_enabled()) {
    return fused_conv2d({laid_out, input.recipe()}, weight, bias, stride_, padding_);
  }
  return at::conv2d(laid_out, weight, bias, stride_, padding_);
}

}  // namespace atelier

#include "models/layers/norm.h"

#include <ATen/ATen.h>

namespace atelier {

Norm::Norm(int64_t channels, double eps) : eps_(eps) {
  add_parameter("weight", weight_, {channels}, Init::constant(1));
  add_parameter("bias", bias_, {channels}, Init::constant(0));
}

GroupNorm::GroupNorm(int64_t groups, int64_t channels, double eps) : Norm(channels, eps), groups_(groups) {}

at::Tensor GroupNorm::forward(const at::Tensor& input) const {
  return at::group_norm(input, groups_, weight_, bias_, eps_);
}

LayerNorm::LayerNorm(int64_t channels, double eps) : Norm(channels, eps) {}

at::Tensor LayerNorm::forward(const at::Tensor& input) const {
  return at::layer_norm(input, weight_.sizes(), weight_, bias_, eps_);
}

}  // namespace atelier

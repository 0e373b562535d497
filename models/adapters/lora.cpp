#include "models/adapters/lora.h"

#include <ATen/ATen.h>

#include "configs/base/text.h"
#include "models/adapters/low_rank_factor.h"

namespace atelier {
namespace {

constexpr const char *kDown = "lora_down.weight", *kUp = "lora_up.weight", *kMid = "lora_mid.weight";

int64_t lora_rank(const AdapterParts& parts) {
  const at::Tensor &down = parts.at(kDown), &up = parts.at(kUp);
  parts.require(down.dim() >= 2 && up.dim() >= 2 && up.numel() == up.size(0) * up.size(1));
  return up.size(1);
}

}  // namespace

Lora::Lora(at::IntArrayRef weight_shape, const AdapterSize& size) : NetworkAdapter(size.rank, size.alpha) {
  std::vector<int64_t> down = weight_shape.vec(), up(weight_shape.size(), 1);
  up[0] = down[0], up[1] = size.rank;
  down[0] = size.rank;
  const int64_t fan_in = c10::multiply_integers(weight_shape.slice(1));
  add_parameter(kDown, down_, std::move(down), Init::fan_in(fan_in));
  add_parameter(kUp, up_, std::move(up), Init::constant(0));
}

Lora::Lora(const AdapterParts& parts) : NetworkAdapter(lora_rank(parts), parts) {
  own(kDown, down_, parts);
  own(kUp, up_, parts);
  parts.require(down_.size(0) == rank());
  if (!parts.has(kMid)) return;
  own(kMid, mid_, parts);
  parts.require(down_.numel() == down_.size(0) * down_.size(1) && mid_.dim() == 4 && mid_.size(0) == rank() &&
                mid_.size(1) == rank());
}

at::Tensor Lora::difference(at::IntArrayRef weight_shape) const {
  const at::Tensor down = down_.flatten(1) * scale(), up = up_.flatten(1);
  return LowRankFactor{mid_.defined() ? up.t() : up, down, mid_}.product().view(weight_shape);
}

/// The product added as it is made: no memory for it, and one pass less over the weight.
at::Tensor Lora::sum_with(const at::Tensor& weight) const {
  if (mid_.defined() || down_.scalar_type() != weight.scalar_type()) return NetworkAdapter::sum_with(weight);
  const at::Tensor sum = at::addmm(weight.flatten(1), up_.flatten(1), down_.flatten(1), 1, scale() * multiplier());
  return sum.view(weight.sizes());
}

void Lora::add_to_rows(at::Tensor& rows, int64_t first) const {
  const at::Tensor up = up_.flatten(1).narrow(0, first, rows.size(0)).to(rows.scalar_type());
  rows.flatten(1).addmm_(up, down_.flatten(1).to(rows.scalar_type()), 1, scale() * multiplier());
}

at::Tensor Lora::delta(const Projection& projection, const ProjectionInput& input) const {
  std::vector<int64_t> shape = projection.weight().sizes().vec();
  shape[0] = rank();
  const at::ScalarType type = input.tensor().scalar_type();
  // The narrow tensor is the cheap one to scale.
  const at::Tensor inner = projection.apply(input, down_.view(shape).to(type), {}) * (scale() * multiplier());
  const at::Tensor up = up_.flatten(1).to(type);
  return shape.size() == 2 ? at::linear(inner, up) : at::conv2d(inner, up.unsqueeze(2).unsqueeze(3));
}

bool Lora::factors_fit(at::IntArrayRef weight_shape) const {
  if (up_.size(0) != weight_shape[0]) return false;
  if (mid_.defined()) return down_.size(1) == weight_shape[1] && mid_.sizes().slice(2) == weight_shape.slice(2);
  const at::IntArrayRef kernel = down_.sizes().slice(2), wanted = weight_shape.slice(2);
  const bool pointwise = c10::multiply_integers(kernel) == 1 && c10::multiply_integers(wanted) == 1;
  return down_.size(1) == weight_shape[1] && (pointwise || kernel == wanted);
}

std::string Lora::shape_text() const {
  std::vector<int64_t> shape = down_.sizes().vec();
  shape[0] = up_.size(0);
  for (size_t i = 2; mid_.defined() && i < shape.size(); ++i) shape[i] = mid_.size(static_cast<int64_t>(i));
  return text(at::IntArrayRef(shape));
}

}  // namespace atelier

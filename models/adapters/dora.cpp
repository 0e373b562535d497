#include "models/adapters/dora.h"

#include <ATen/ATen.h>

#include <limits>
#include <vector>

namespace atelier {
namespace {

/// Norm over all dimensions but `kept`.
at::Tensor norm_but(const at::Tensor& weight, int64_t kept) {
  std::vector<int64_t> dimensions;
  for (int64_t i = 0; i < weight.dim(); ++i) {
    if (i != kept) dimensions.push_back(i);
  }
  return at::linalg_vector_norm(weight, 2, dimensions, /*keepdim=*/true);
}

}  // namespace

at::Tensor norm_of_outputs(const at::Tensor& weight) { return norm_but(weight.to(at::kFloat), 0); }

bool dora_scale_fits(at::IntArrayRef shape, at::IntArrayRef weight_shape) {
  if (shape.size() < 2) return false;
  for (size_t i = 2; i < shape.size(); ++i) {
    if (shape[i] != 1) return false;
  }
  return (shape[0] == weight_shape[0] && shape[1] == 1) || (shape[0] == 1 && shape[1] == weight_shape[1]);
}

at::Tensor decomposed_weight(const at::Tensor& weight, const at::Tensor& difference, const at::Tensor& dora_scale,
                             double multiplier) {
  const at::ScalarType type = at::promote_types(at::kFloat, weight.scalar_type());
  const at::Tensor base = weight.to(type), direction = base + difference.to(type);
  const int64_t side = dora_scale.size(0) == weight.size(0) && dora_scale.size(1) == 1 ? 0 : 1;
  const at::Tensor norm = norm_but(direction, side);
  // A row of zeros has no direction; LyCORIS adds the same.
  const at::Tensor factor = dora_scale.to(type).view(norm.sizes()) / (norm + std::numeric_limits<float>::epsilon());
  const at::Tensor adapted = direction * factor;
  return (multiplier == 1 ? adapted : base + (adapted - base) * multiplier).to(weight.scalar_type());
}

}  // namespace atelier

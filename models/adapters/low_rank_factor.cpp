#include "models/adapters/low_rank_factor.h"

#include <ATen/ATen.h>

namespace atelier {

bool LowRankFactor::fits() const {
  if (!core.defined()) return a.dim() == 2 && b.dim() >= 2 && a.size(1) == b.size(0);
  return core.dim() == 4 && a.dim() == 2 && b.dim() == 2 && core.size(0) == a.size(0) && core.size(1) == b.size(0);
}

int64_t LowRankFactor::outputs() const { return a.size(core.defined() ? 1 : 0); }

int64_t LowRankFactor::inputs() const { return c10::multiply_integers(b.sizes().slice(1)); }

at::Tensor LowRankFactor::product() const {
  return core.defined() ? at::einsum("ijkl,io,jn->onkl", {core, a, b}) : a.matmul(b.flatten(1));
}

}  // namespace atelier

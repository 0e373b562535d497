// In place of cuda_bodies.cpp where no CUDA compiler was found.
#include <stdexcept>

#include "models/ops/cuda/cuda_bodies.h"

namespace atelier {

const GroupNormBody* cuda_group_norm(const at::Tensor&, const at::Tensor&) { return nullptr; }

bool cuda_geglu_takes(const at::Tensor&) { return false; }

at::Tensor cuda_geglu(const at::Tensor&) { throw std::logic_error("cuda_geglu: not built"); }

at::Tensor cuda_geglu_backward(const at::Tensor&, const at::Tensor&) {
  throw std::logic_error("cuda_geglu_backward: not built");
}

}  // namespace atelier

#include "models/adapters/tucker.h"

#include <ATen/ATen.h>

namespace atelier {

at::Tensor tucker_product(const at::Tensor& core, const at::Tensor& outputs, const at::Tensor& inputs) {
  return at::einsum("ijkl,io,jn->onkl", {core, outputs, inputs});
}

bool tucker_fits(const at::Tensor& core, at::IntArrayRef outputs, at::IntArrayRef inputs) {
  return core.dim() == 4 && outputs.size() == 2 && inputs.size() == 2 && core.size(0) == outputs[0] &&
         core.size(1) == inputs[0];
}

}  // namespace atelier

// The product that convolutions' adapters in Tucker form are made of.
#pragma once

#include <ATen/core/Tensor.h>

namespace atelier {

/// [out, in, kh, kw] = sum over i, j of core[i, j] * outputs[i, out] * inputs[j, in].
at::Tensor tucker_product(const at::Tensor& core /*[r, r, kh, kw]*/, const at::Tensor& outputs /*[r, out]*/,
                          const at::Tensor& inputs /*[r, in]*/);

/// Whether these go together.
bool tucker_fits(const at::Tensor& core, at::IntArrayRef outputs, at::IntArrayRef inputs);

}  // namespace atelier

// DoRA (Liu et al., "DoRA: Weight-Decomposed Low-Rank Adaptation", 2024): the magnitude of every output's weights is a
// parameter of its own, beside a direction that any other kind of adapter changes.
#pragma once

#include <ATen/core/Tensor.h>

namespace atelier {

/// (W + difference) * dora_scale / norm of (W + difference), the norm taken over what an entry of dora_scale stands
/// for, in fp32 at least. Another `multiplier` than 1 goes that part of the way from W, as ComfyUI does and LyCORIS'
/// apply_dora_scale. Differentiable, through the norm too (as in LyCORIS; the paper's section 4.3 leaves it out).
at::Tensor decomposed_weight(const at::Tensor& weight, const at::Tensor& difference, const at::Tensor& dora_scale,
                             double multiplier);

/// [out, 1] or [out, 1, 1, 1]: where dora_scale begins.
at::Tensor norm_of_outputs(const at::Tensor& weight);

/// Whether an entry stands for each output, or each input, of the weight.
bool dora_scale_fits(at::IntArrayRef dora_scale_shape, at::IntArrayRef weight_shape);

}  // namespace atelier

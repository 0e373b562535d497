// Masks of pictures as weights of their latents.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

namespace atelier {

/// [n, 1, h, w] fp32 in 0..1 of `masks` [n, H, W] (255: counts fully): each weight is the mean of the pixels that its
/// latent covers (sd-scripts' apply_masked_loss: interpolate in mode "area"). H and W are multiples of h and w.
at::Tensor latent_mask(std::span<const uint8_t> masks, int64_t count, int64_t height, int64_t width,
                       int64_t latent_height, int64_t latent_width);

}  // namespace atelier

// Timesteps and other numbers as vectors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "models/layers/projection.h"
#include "models/module.h"

namespace atelier {

/// Sines and cosines of `values` at `channels / 2` frequencies from 1 down to 1/10000, in fp32 (Ho et al., "Denoising
/// Diffusion Probabilistic Models", 2020; Vaswani et al., 2017). An odd `channels` ends with a zero.
at::Tensor sinusoidal_embedding(const at::Tensor& values /*[N]*/, int64_t channels, bool flip_sin_to_cos,
                                double freq_shift);  // [N, channels]

/// Linear, SiLU, Linear.
class TimestepEmbedding : public Module {
 public:
  TimestepEmbedding(int64_t in_channels, int64_t out_channels);
  at::Tensor forward(const at::Tensor& input /*[B, in]*/) const;  // [B, out]

 private:
  Linear linear_1_, linear_2_;
};

}  // namespace atelier

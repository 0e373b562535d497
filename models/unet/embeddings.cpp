#include "models/unet/embeddings.h"

#include <ATen/ATen.h>

#include <cmath>

namespace atelier {

at::Tensor sinusoidal_embedding(const at::Tensor& values, int64_t channels, bool flip_sin_to_cos, double freq_shift) {
  constexpr double kMaxPeriod = 10000;
  const int64_t half = channels / 2;
  const at::Tensor ramp = at::arange(half, at::TensorOptions().dtype(at::kFloat).device(values.device()));
  const at::Tensor frequencies = (ramp * -std::log(kMaxPeriod) / (static_cast<double>(half) - freq_shift)).exp();
  const at::Tensor angles = values.to(at::kFloat).unsqueeze(1) * frequencies.unsqueeze(0);  // [N, half]
  const at::Tensor sines = angles.sin(), cosines = angles.cos();
  const at::Tensor embedding = flip_sin_to_cos ? at::cat({cosines, sines}, 1) : at::cat({sines, cosines}, 1);
  return channels % 2 ? at::pad(embedding, {0, 1}) : embedding;
}

TimestepEmbedding::TimestepEmbedding(int64_t in_channels, int64_t out_channels)
    : linear_1_(in_channels, out_channels), linear_2_(out_channels, out_channels) {
  add_child("linear_1", linear_1_);
  add_child("linear_2", linear_2_);
}

at::Tensor TimestepEmbedding::forward(const at::Tensor& input) const {
  return linear_2_.forward(at::silu(linear_1_.forward(input)));
}

}  // namespace atelier

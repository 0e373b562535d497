// The convolutional parts that the UNet and the autoencoder share: ResNet blocks, and the layers that halve and double
// the size.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "models/layers/norm.h"
#include "models/layers/projection.h"
#include "models/module.h"

namespace atelier {

/// x + conv(silu(norm(conv(silu(norm(x))) + time))), with a 1x1 convolution on x when the channels change.
class ResnetBlock2D : public Module {
 public:
  /// `time_channels` 0: a block that is told no time (the autoencoder's).
  ResnetBlock2D(int64_t in_channels, int64_t out_channels, int64_t time_channels, int64_t groups, double eps);

  at::Tensor forward(const at::Tensor& input,     // [B, in, h, w]
                     const at::Tensor& time = {}  // [B, time], after SiLU; undefined for a block without time
  ) const;                                        // [B, out, h, w]

 private:
  GroupNorm norm1_;
  Conv2d conv1_;
  std::unique_ptr<Linear> time_emb_proj_;
  GroupNorm norm2_;
  Conv2d conv2_;
  std::unique_ptr<Conv2d> conv_shortcut_;
};

/// 3x3 convolution with stride 2: [B, C, h, w] -> [B, C, ceil(h/2), ceil(w/2)].
class Downsample2D : public Module {
 public:
  explicit Downsample2D(int64_t channels);
  at::Tensor forward(const at::Tensor& input) const { return conv_.forward(input); }

 private:
  Conv2d conv_;
};

/// Nearest neighbour to a given size, then a 3x3 convolution.
class Upsample2D : public Module {
 public:
  explicit Upsample2D(int64_t channels);
  at::Tensor forward(const at::Tensor& input, int64_t height, int64_t width) const;

 private:
  Conv2d conv_;
};

}  // namespace atelier

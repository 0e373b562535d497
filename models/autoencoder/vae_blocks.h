// The two halves of an AutoencoderKL: convolutional ladders from pixels to latents and back.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "models/layers/norm.h"
#include "models/layers/projection.h"
#include "models/layers/resnet.h"
#include "models/module.h"
#include "models/options/vae_options.h"

namespace atelier {

/// Attention with one head among all positions of a feature map, added to it.
class VaeAttention : public Module {
 public:
  VaeAttention(int64_t channels, int64_t groups);
  at::Tensor forward(const at::Tensor& input /*[B, C, h, w]*/) const;

 private:
  GroupNorm group_norm_;
  Linear to_q_, to_k_, to_v_, to_out_;
};

/// UNetMidBlock2D: two ResNet blocks, attention between them where the options have it.
class VaeMidBlock : public Module {
 public:
  explicit VaeMidBlock(const AutoencoderKLOptions& options);
  at::Tensor forward(const at::Tensor& input) const;

 private:
  ResnetBlock2D first_;
  std::unique_ptr<VaeAttention> attention_;
  ResnetBlock2D second_;
};

/// DownEncoderBlock2D: ResNet blocks, then half the size but for the last level.
class VaeDownBlock : public Module {
 public:
  VaeDownBlock(const AutoencoderKLOptions& options, int64_t level);
  at::Tensor forward(at::Tensor hidden) const;

 private:
  std::vector<std::unique_ptr<ResnetBlock2D>> resnets_;
  std::unique_ptr<Conv2d> downsampler_;  // "downsamplers.0.conv"
};

/// UpDecoderBlock2D: one ResNet block more, then twice the size but for level 0.
class VaeUpBlock : public Module {
 public:
  VaeUpBlock(const AutoencoderKLOptions& options, int64_t level);
  at::Tensor forward(at::Tensor hidden) const;

 private:
  std::vector<std::unique_ptr<ResnetBlock2D>> resnets_;
  std::unique_ptr<Upsample2D> upsampler_;
};

class VaeEncoder : public Module {
 public:
  explicit VaeEncoder(const AutoencoderKLOptions& options);
  /// [B, in_channels, H, W] -> [B, 2 * latent_channels, H/f, W/f]; what does not divide is cut at the right and bottom.
  at::Tensor forward(const at::Tensor& pixels) const;

 private:
  Conv2d conv_in_;
  std::vector<std::unique_ptr<VaeDownBlock>> down_blocks_;
  VaeMidBlock mid_block_;
  GroupNorm conv_norm_out_;
  Conv2d conv_out_;
};

class VaeDecoder : public Module {
 public:
  explicit VaeDecoder(const AutoencoderKLOptions& options);
  /// [B, latent_channels, h, w] -> [B, out_channels, h*f, w*f]
  at::Tensor forward(const at::Tensor& latents) const;

 private:
  Conv2d conv_in_;
  VaeMidBlock mid_block_;
  std::vector<std::unique_ptr<VaeUpBlock>> up_blocks_;
  GroupNorm conv_norm_out_;
  Conv2d conv_out_;
};

}  // namespace atelier

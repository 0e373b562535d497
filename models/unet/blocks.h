// The levels of the UNet: ResNet blocks, each followed by a transformer where the level has attention, and a change of
// size at the end.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "models/layers/resnet.h"
#include "models/module.h"
#include "models/options/unet_options.h"
#include "models/unet/transformer.h"

namespace atelier {

/// What every block is given beside its feature map.
struct BlockContext {
  at::Tensor time;  // [B, 4 * block_out_channels[0]], after SiLU
  at::Tensor text;  // [B, L, cross_attention_dim]
  bool checkpointed = false;
};

/// DownBlock2D or CrossAttnDownBlock2D.
class DownBlock : public Module {
 public:
  DownBlock(const UNet2DConditionOptions& options, int64_t level);
  /// Appends every intermediate result to `skips`.
  at::Tensor forward(at::Tensor hidden, const BlockContext& context, std::vector<at::Tensor>& skips) const;

 private:
  std::vector<std::unique_ptr<ResnetBlock2D>> resnets_;
  std::vector<std::unique_ptr<Transformer2DModel>> attentions_;  // empty, or one a ResNet block
  std::unique_ptr<Downsample2D> downsampler_;                    // absent in the last level
};

/// UNetMidBlock2DCrossAttn.
class MidBlock : public Module {
 public:
  explicit MidBlock(const UNet2DConditionOptions& options);
  at::Tensor forward(const at::Tensor& hidden, const BlockContext& context) const;

 private:
  ResnetBlock2D first_;
  Transformer2DModel attention_;
  ResnetBlock2D second_;
};

/// UpBlock2D or CrossAttnUpBlock2D.
class UpBlock : public Module {
 public:
  UpBlock(const UNet2DConditionOptions& options, int64_t level);
  /// Takes one skip a ResNet block from the end of `skips`; upsamples to the size of the next one left.
  at::Tensor forward(at::Tensor hidden, const BlockContext& context, std::vector<at::Tensor>& skips) const;

 private:
  std::vector<std::unique_ptr<ResnetBlock2D>> resnets_;
  std::vector<std::unique_ptr<Transformer2DModel>> attentions_;
  std::unique_ptr<Upsample2D> upsampler_;  // absent in level 0
};

}  // namespace atelier

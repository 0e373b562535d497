// SDXL's UNet: diffusers' UNet2DConditionModel with text and time conditioning, under its state-dict names.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "configs/base/safetensors.h"
#include "models/layers/norm.h"
#include "models/layers/projection.h"
#include "models/module.h"
#include "models/options/unet_options.h"
#include "models/unet/blocks.h"
#include "models/unet/embeddings.h"

namespace atelier {

class UNet2DConditionModel : public Module {
 public:
  explicit UNet2DConditionModel(const UNet2DConditionOptions& options);

  /// Predicts noise or velocity for noisy latents. Any h, w: sides that do not halve evenly are upsampled to the size
  /// of the skip they meet, as in diffusers. `timestep` 0..999, fractions allowed; `time_ids`: original height and
  /// width, crop top and left, target height and width, in pixels (the refiner has 5: the aesthetic score is its last).
  at::Tensor forward(const at::Tensor& sample,                 // [B, in_channels, h, w]
                     const at::Tensor& timestep,               // [B]
                     const at::Tensor& encoder_hidden_states,  // [B, L, cross_attention_dim]
                     const at::Tensor& text_embeds,            // [B, P]
                     const at::Tensor& time_ids                // [B, T]; P + T * addition_time_embed_dim is fixed
  ) const;                                                     // [B, out_channels, h, w]

  /// Trades about a third more computing for the activations of all but one ResNet or transformer block.
  void set_gradient_checkpointing(bool enabled) { checkpointing_ = enabled; }

  const UNet2DConditionOptions& options() const { return options_; }

  /// `folder`: config.json and safetensors. WeightsError.
  static std::unique_ptr<UNet2DConditionModel> from_pretrained(const std::filesystem::path& folder);
  /// config.json and diffusion_pytorch_model.safetensors, as diffusers' from_pretrained reads them.
  void save_pretrained(const std::filesystem::path& folder, SafeDtype dtype) const;

 private:
  at::Tensor embed(const at::Tensor& timestep, const at::Tensor& text_embeds, const at::Tensor& time_ids,
                   at::ScalarType dtype) const;

  UNet2DConditionOptions options_;
  Conv2d conv_in_;
  TimestepEmbedding time_embedding_;
  TimestepEmbedding add_embedding_;
  std::vector<std::unique_ptr<DownBlock>> down_blocks_;
  std::vector<std::unique_ptr<UpBlock>> up_blocks_;
  std::unique_ptr<MidBlock> mid_block_;
  GroupNorm conv_norm_out_;
  Conv2d conv_out_;
  bool checkpointing_ = false;
};

}  // namespace atelier

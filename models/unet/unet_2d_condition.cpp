#include "models/unet/unet_2d_condition.h"

#include <ATen/ATen.h>

#include "configs/base/text.h"
#include "models/layers/normed_projection.h"

namespace atelier {

UNet2DConditionModel::UNet2DConditionModel(const UNet2DConditionOptions& options)
    : options_(options),
      conv_in_(options.in_channels, options.block_out_channels.front(), 3, 1, 1),
      time_embedding_(options.block_out_channels.front(), options.time_embed_dim()),
      add_embedding_(options.projection_class_embeddings_input_dim, options.time_embed_dim()),
      mid_block_(std::make_unique<MidBlock>(options)),
      conv_norm_out_(options.norm_num_groups, options.block_out_channels.front(), options.norm_eps),
      conv_out_(options.block_out_channels.front(), options.out_channels, 3, 1, 1) {
  add_child("time_embedding", time_embedding_);
  add_child("add_embedding", add_embedding_);
  add_child("conv_in", conv_in_);
  for (int64_t level = 0; level < options.levels(); ++level) {
    down_blocks_.push_back(std::make_unique<DownBlock>(options, level));
    add_child(text("down_blocks.", level), *down_blocks_.back());
  }
  add_child("mid_block", *mid_block_);
  for (int64_t i = 0; i < options.levels(); ++i) {
    up_blocks_.push_back(std::make_unique<UpBlock>(options, options.levels() - 1 - i));
    add_child(text("up_blocks.", i), *up_blocks_.back());
  }
  add_child("conv_norm_out", conv_norm_out_);
  add_child("conv_out", conv_out_);
}

at::Tensor UNet2DConditionModel::embed(const at::Tensor& timestep, const at::Tensor& text_embeds,
                                       const at::Tensor& time_ids, at::ScalarType dtype) const {
  const at::Tensor time = sinusoidal_embedding(timestep, options_.block_out_channels.front(), options_.flip_sin_to_cos,
                                               options_.freq_shift);
  const at::Tensor sizes = sinusoidal_embedding(time_ids.flatten(), options_.addition_time_embed_dim,
                                                options_.flip_sin_to_cos, options_.freq_shift)
                               .view({text_embeds.size(0), -1});  // [B, T * addition_time_embed_dim]
  const at::Tensor added = at::cat({text_embeds, sizes.to(text_embeds.scalar_type())}, 1).to(dtype);
  return time_embedding_.forward(time.to(dtype)) + add_embedding_.forward(added);
}

at::Tensor UNet2DConditionModel::forward(const at::Tensor& sample, const at::Tensor& timestep,
                                         const at::Tensor& encoder_hidden_states, const at::Tensor& text_embeds,
                                         const at::Tensor& time_ids) const {
  // Every ResNet block begins its use of the embedding with SiLU: once is enough.
  const BlockContext context{at::silu(embed(timestep, text_embeds, time_ids, sample.scalar_type())),
                             encoder_hidden_states, checkpointing_};
  at::Tensor hidden = conv_in_.forward(sample);
  std::vector<at::Tensor> skips{hidden};
  for (const auto& block : down_blocks_) hidden = block->forward(hidden, context, skips);
  hidden = mid_block_->forward(hidden, context);
  for (const auto& block : up_blocks_) hidden = block->forward(hidden, context, skips);
  return normed_projection(conv_norm_out_, Activation::kSilu, conv_out_, hidden);
}

}  // namespace atelier

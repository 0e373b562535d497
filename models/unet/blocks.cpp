#include "models/unet/blocks.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "configs/base/text.h"
#include "models/layers/checkpoint.h"

namespace atelier {
namespace {

TransformerShape transformer_shape(const UNet2DConditionOptions& options, int64_t level, int64_t layers) {
  return {options.block_out_channels[level], options.attention_heads[level], layers,
          options.cross_attention_dim,       options.norm_num_groups,        options.use_linear_projection};
}

/// Of the down half and of the middle.
TransformerShape transformer_shape(const UNet2DConditionOptions& options, int64_t level) {
  return transformer_shape(options, level, options.transformer_layers_per_block[level]);
}

std::unique_ptr<ResnetBlock2D> make_resnet(const UNet2DConditionOptions& options, int64_t in_channels,
                                           int64_t out_channels) {
  return std::make_unique<ResnetBlock2D>(in_channels, out_channels, options.time_embed_dim(), options.norm_num_groups,
                                         options.norm_eps);
}

at::Tensor run_resnet(const ResnetBlock2D& resnet, const at::Tensor& hidden, const BlockContext& context) {
  if (!context.checkpointed) return resnet.forward(hidden, context.time);
  const auto run = [&resnet](const Tensors& in) -> Tensors { return {resnet.forward(in[0], in[1])}; };
  return checkpoint(run, {hidden, context.time})[0];
}

}  // namespace

DownBlock::DownBlock(const UNet2DConditionOptions& options, int64_t level) {
  const int64_t channels = options.block_out_channels[level];
  int64_t in_channels = options.block_out_channels[std::max<int64_t>(level - 1, 0)];
  for (int64_t i = 0; i < options.layers_per_block[level]; ++i) {
    resnets_.push_back(make_resnet(options, in_channels, channels));
    add_child(text("resnets.", i), *resnets_.back());
    in_channels = channels;
    if (!options.down_attention[level]) continue;
    attentions_.push_back(std::make_unique<Transformer2DModel>(transformer_shape(options, level)));
    add_child(text("attentions.", i), *attentions_.back());
  }
  if (level + 1 < options.levels()) {
    downsampler_ = std::make_unique<Downsample2D>(channels);
    add_child("downsamplers.0", *downsampler_);
  }
}

at::Tensor DownBlock::forward(at::Tensor hidden, const BlockContext& context, std::vector<at::Tensor>& skips) const {
  for (size_t i = 0; i < resnets_.size(); ++i) {
    hidden = run_resnet(*resnets_[i], hidden, context);
    if (!attentions_.empty()) hidden = attentions_[i]->forward(hidden, context.text, context.checkpointed);
    skips.push_back(hidden);
  }
  if (downsampler_) {
    hidden = downsampler_->forward(hidden);
    skips.push_back(hidden);
  }
  return hidden;
}

MidBlock::MidBlock(const UNet2DConditionOptions& options)
    : first_(options.block_out_channels.back(), options.block_out_channels.back(), options.time_embed_dim(),
             options.norm_num_groups, options.norm_eps),
      attention_(transformer_shape(options, options.levels() - 1)),
      second_(options.block_out_channels.back(), options.block_out_channels.back(), options.time_embed_dim(),
              options.norm_num_groups, options.norm_eps) {
  add_child("resnets.0", first_);
  add_child("attentions.0", attention_);
  add_child("resnets.1", second_);
}

at::Tensor MidBlock::forward(const at::Tensor& hidden, const BlockContext& context) const {
  const at::Tensor mixed = attention_.forward(run_resnet(first_, hidden, context), context.text, context.checkpointed);
  return run_resnet(second_, mixed, context);
}

UpBlock::UpBlock(const UNet2DConditionOptions& options, int64_t level) {
  const auto channels_of = [&](int64_t l) {
    return options.block_out_channels[std::clamp<int64_t>(l, 0, options.levels() - 1)];
  };
  const int64_t channels = channels_of(level);
  const int64_t layers = options.layers_per_block[level] + 1;
  const bool has_attention = options.up_attention[options.levels() - 1 - level];
  for (int64_t i = 0; i < layers; ++i) {
    const int64_t in_channels = i == 0 ? channels_of(level + 1) : channels;
    const int64_t skip_channels = i == layers - 1 ? channels_of(level - 1) : channels;
    resnets_.push_back(make_resnet(options, in_channels + skip_channels, channels));
    add_child(text("resnets.", i), *resnets_.back());
    if (!has_attention) continue;
    attentions_.push_back(
        std::make_unique<Transformer2DModel>(transformer_shape(options, level, options.up_transformer_layers(level))));
    add_child(text("attentions.", i), *attentions_.back());
  }
  if (level > 0) {
    upsampler_ = std::make_unique<Upsample2D>(channels);
    add_child("upsamplers.0", *upsampler_);
  }
}

at::Tensor UpBlock::forward(at::Tensor hidden, const BlockContext& context, std::vector<at::Tensor>& skips) const {
  for (size_t i = 0; i < resnets_.size(); ++i) {
    hidden = run_resnet(*resnets_[i], at::cat({hidden, skips.back()}, 1), context);
    skips.pop_back();
    if (!attentions_.empty()) hidden = attentions_[i]->forward(hidden, context.text, context.checkpointed);
  }
  if (upsampler_) hidden = upsampler_->forward(hidden, skips.back().size(2), skips.back().size(3));
  return hidden;
}

}  // namespace atelier

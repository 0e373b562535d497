#include "models/autoencoder/vae_blocks.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "configs/base/text.h"
#include "models/layers/attention.h"
#include "models/layers/fused_input.h"
#include "models/layers/normed_projection.h"

namespace atelier {
namespace {

constexpr double kVaeEps = 1e-6;  // of every norm of diffusers' Encoder and Decoder

std::unique_ptr<ResnetBlock2D> make_vae_resnet(const AutoencoderKLOptions& options, int64_t in_channels,
                                               int64_t out_channels) {
  return std::make_unique<ResnetBlock2D>(in_channels, out_channels, /*time_channels=*/0, options.norm_num_groups,
                                         kVaeEps);
}

}  // namespace

VaeAttention::VaeAttention(int64_t channels, int64_t groups)
    : group_norm_(groups, channels, kVaeEps),
      to_q_(channels, channels),
      to_k_(channels, channels),
      to_v_(channels, channels),
      to_out_(channels, channels) {
  add_child("group_norm", group_norm_);
  add_child("to_q", to_q_);
  add_child("to_k", to_k_);
  add_child("to_v", to_v_);
  add_child("to_out.0", to_out_);
}

at::Tensor VaeAttention::forward(const at::Tensor& input) const {
  const ProjectionInput positions =  // [B, h*w, C]
      as_positions(normed_input(to_q_.body(), group_norm_, Activation::kNone, input));
  const at::Tensor mixed =
      attention(to_q_.forward(positions), to_k_.forward(positions), to_v_.forward(positions), /*heads=*/1);
  return input + to_out_.forward(mixed).transpose(1, 2).reshape(input.sizes());
}

VaeMidBlock::VaeMidBlock(const AutoencoderKLOptions& options)
    : first_(options.block_out_channels.back(), options.block_out_channels.back(), 0, options.norm_num_groups, kVaeEps),
      attention_(options.mid_block_add_attention
                     ? std::make_unique<VaeAttention>(options.block_out_channels.back(), options.norm_num_groups)
                     : nullptr),
      second_(options.block_out_channels.back(), options.block_out_channels.back(), 0, options.norm_num_groups,
              kVaeEps) {
  add_child("resnets.0", first_);
  if (attention_) add_child("attentions.0", *attention_);
  add_child("resnets.1", second_);
}

at::Tensor VaeMidBlock::forward(const at::Tensor& input) const {
  const at::Tensor hidden = first_.forward(input);
  return second_.forward(attention_ ? attention_->forward(hidden) : hidden);
}

VaeDownBlock::VaeDownBlock(const AutoencoderKLOptions& options, int64_t level) {
  const int64_t channels = options.block_out_channels[level];
  int64_t in_channels = options.block_out_channels[std::max<int64_t>(level - 1, 0)];
  for (int64_t i = 0; i < options.layers_per_block; ++i) {
    resnets_.push_back(make_vae_resnet(options, std::exchange(in_channels, channels), channels));
    add_child(text("resnets.", i), *resnets_.back());
  }
  if (level + 1 < options.levels()) {
    downsampler_ = std::make_unique<Conv2d>(channels, channels, 3, /*stride=*/2);
    add_child("downsamplers.0.conv", *downsampler_);
  }
}

at::Tensor VaeDownBlock::forward(at::Tensor hidden) const {
  for (const auto& resnet : resnets_) hidden = resnet->forward(hidden);
  // Unlike the UNet's, padded at the right and bottom only.
  return downsampler_ ? downsampler_->forward(at::constant_pad_nd(hidden, {0, 1, 0, 1})) : hidden;
}

VaeUpBlock::VaeUpBlock(const AutoencoderKLOptions& options, int64_t level) {
  const int64_t channels = options.block_out_channels[level];
  int64_t in_channels = options.block_out_channels[std::min(level + 1, options.levels() - 1)];
  for (int64_t i = 0; i <= options.layers_per_block; ++i) {
    resnets_.push_back(make_vae_resnet(options, std::exchange(in_channels, channels), channels));
    add_child(text("resnets.", i), *resnets_.back());
  }
  if (level > 0) {
    upsampler_ = std::make_unique<Upsample2D>(channels);
    add_child("upsamplers.0", *upsampler_);
  }
}

at::Tensor VaeUpBlock::forward(at::Tensor hidden) const {
  for (const auto& resnet : resnets_) hidden = resnet->forward(hidden);
  return upsampler_ ? upsampler_->forward(hidden, 2 * hidden.size(2), 2 * hidden.size(3)) : hidden;
}

VaeEncoder::VaeEncoder(const AutoencoderKLOptions& options)
    : conv_in_(options.in_channels, options.block_out_channels.front(), 3, 1, 1),
      mid_block_(options),
      conv_norm_out_(options.norm_num_groups, options.block_out_channels.back(), kVaeEps),
      conv_out_(options.block_out_channels.back(), 2 * options.latent_channels, 3, 1, 1) {
  add_child("conv_in", conv_in_);
  for (int64_t level = 0; level < options.levels(); ++level) {
    down_blocks_.push_back(std::make_unique<VaeDownBlock>(options, level));
    add_child(text("down_blocks.", level), *down_blocks_.back());
  }
  add_child("mid_block", mid_block_);
  add_child("conv_norm_out", conv_norm_out_);
  add_child("conv_out", conv_out_);
}

at::Tensor VaeEncoder::forward(const at::Tensor& pixels) const {
  at::Tensor hidden = conv_in_.forward(pixels);
  for (const auto& block : down_blocks_) hidden = block->forward(std::move(hidden));
  hidden = mid_block_.forward(hidden);
  return normed_projection(conv_norm_out_, Activation::kSilu, conv_out_, hidden);
}

VaeDecoder::VaeDecoder(const AutoencoderKLOptions& options)
    : conv_in_(options.latent_channels, options.block_out_channels.back(), 3, 1, 1),
      mid_block_(options),
      conv_norm_out_(options.norm_num_groups, options.block_out_channels.front(), kVaeEps),
      conv_out_(options.block_out_channels.front(), options.out_channels, 3, 1, 1) {
  add_child("conv_in", conv_in_);
  add_child("mid_block", mid_block_);
  for (int64_t i = 0; i < options.levels(); ++i) {
    up_blocks_.push_back(std::make_unique<VaeUpBlock>(options, options.levels() - 1 - i));
    add_child(text("up_blocks.", i), *up_blocks_.back());
  }
  add_child("conv_norm_out", conv_norm_out_);
  add_child("conv_out", conv_out_);
}

at::Tensor VaeDecoder::forward(const at::Tensor& latents) const {
  at::Tensor hidden = mid_block_.forward(conv_in_.forward(latents));
  for (const auto& block : up_blocks_) hidden = block->forward(std::move(hidden));
  return normed_projection(conv_norm_out_, Activation::kSilu, conv_out_, hidden);
}

}  // namespace atelier

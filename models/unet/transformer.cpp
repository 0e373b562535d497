#include "models/unet/transformer.h"

#include <ATen/ATen.h>

#include "configs/base/text.h"
#include "models/layers/attention.h"
#include "models/layers/checkpoint.h"
#include "models/layers/normed_projection.h"

namespace atelier {
namespace {

constexpr double kTransformerGroupNormEps = 1e-6;  // diffusers' Transformer2DModel, whatever norm_eps is

std::unique_ptr<Projection> make_position_projection(int64_t channels, bool linear) {
  if (linear) return std::make_unique<Linear>(channels, channels);
  return std::make_unique<Conv2d>(channels, channels, 1);
}

}  // namespace

Attention::Attention(int64_t channels, int64_t context_channels, int64_t heads)
    : heads_(heads),
      to_q_(channels, channels, /*bias=*/false),
      to_k_(context_channels, channels, /*bias=*/false),
      to_v_(context_channels, channels, /*bias=*/false),
      to_out_(channels, channels) {
  add_child("to_q", to_q_);
  add_child("to_k", to_k_);
  add_child("to_v", to_v_);
  add_child("to_out.0", to_out_);
}

at::Tensor Attention::among(const Norm& norm, const at::Tensor& input) const {
  const auto [query, key, value] = normed_projections<3>(norm, {&to_q_, &to_k_, &to_v_}, input);
  return to_out_.forward(attention(query, key, value, heads_));
}

at::Tensor Attention::to(const Norm& norm, const at::Tensor& input, const at::Tensor& context) const {
  const at::Tensor query = normed_projection(norm, Activation::kNone, to_q_, input);
  return to_out_.forward(attention(query, to_k_.forward(context), to_v_.forward(context), heads_));
}

BasicTransformerBlock::BasicTransformerBlock(int64_t channels, int64_t heads, int64_t text_channels)
    : norm1_(channels),
      attn1_(channels, channels, heads),
      norm2_(channels),
      attn2_(channels, text_channels, heads),
      norm3_(channels),
      ff_in_(channels, 8 * channels),
      ff_out_(4 * channels, channels) {
  add_child("norm1", norm1_);
  add_child("attn1", attn1_);
  add_child("norm2", norm2_);
  add_child("attn2", attn2_);
  add_child("norm3", norm3_);
  add_child("ff.net.0.proj", ff_in_);
  add_child("ff.net.2", ff_out_);
}

at::Tensor BasicTransformerBlock::forward(const at::Tensor& input, const at::Tensor& text) const {
  at::Tensor hidden = input + attn1_.among(norm1_, input);
  hidden = hidden + attn2_.to(norm2_, hidden, text);
  return hidden + geglu_projection(ff_out_, normed_projection(norm3_, Activation::kNone, ff_in_, hidden));
}

Transformer2DModel::Transformer2DModel(const TransformerShape& shape)
    : linear_projection_(shape.linear_projection),
      norm_(shape.groups, shape.channels, kTransformerGroupNormEps),
      proj_in_(make_position_projection(shape.channels, shape.linear_projection)),
      proj_out_(make_position_projection(shape.channels, shape.linear_projection)) {
  add_child("norm", norm_);
  add_child("proj_in", *proj_in_);
  for (int64_t i = 0; i < shape.layers; ++i) {
    blocks_.push_back(std::make_unique<BasicTransformerBlock>(shape.channels, shape.heads, shape.text_channels));
    add_child(atelier::text("transformer_blocks.", i), *blocks_.back());
  }
  add_child("proj_out", *proj_out_);
}

at::Tensor Transformer2DModel::project_in(const at::Tensor& input) const {
  if (!linear_projection_) {
    return normed_projection(norm_, Activation::kNone, *proj_in_, input).flatten(2).transpose(1, 2).contiguous();
  }
  return normed_positions_projection(norm_, *proj_in_, input);
}

at::Tensor Transformer2DModel::project_out(const at::Tensor& hidden, const at::Tensor& input) const {
  if (!linear_projection_) return input + proj_out_->forward(hidden.transpose(1, 2).reshape(input.sizes()));
  return input + proj_out_->forward(hidden).transpose(1, 2).view(input.sizes());
}

at::Tensor Transformer2DModel::forward(const at::Tensor& input, const at::Tensor& text, bool checkpointed) const {
  at::Tensor hidden = project_in(input);
  for (const auto& block : blocks_) {
    if (!checkpointed) {
      hidden = block->forward(hidden, text);
      continue;
    }
    const auto run = [&block = *block](const Tensors& in) -> Tensors { return {block.forward(in[0], in[1])}; };
    hidden = checkpoint(run, {hidden, text})[0];
  }
  return project_out(hidden, input);
}

}  // namespace atelier

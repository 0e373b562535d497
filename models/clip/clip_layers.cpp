#include "models/clip/clip_layers.h"

#include <ATen/ATen.h>

#include <cmath>

#include "models/layers/attention.h"

namespace atelier {
namespace {

// transformers' CLIPPreTrainedModel._init_weights: deviations of the normal distributions; biases are zero.
double residual_branch_std(const CLIPTextOptions& options) {
  return options.initializer_factor /
         std::sqrt(static_cast<double>(options.hidden_size) * 2 * static_cast<double>(options.num_hidden_layers));
}

double width_std(const CLIPTextOptions& options, double width) { return options.initializer_factor / std::sqrt(width); }

void set_normal_init(Linear& linear, double deviation) {
  linear.set_init("weight", Init::normal(deviation));
  linear.set_init("bias", Init::constant(0));
}

}  // namespace

Embedding::Embedding(int64_t count, int64_t width, Init init) {
  add_parameter("weight", weight_, {count, width}, init);
}

CLIPTextEmbeddings::CLIPTextEmbeddings(const CLIPTextOptions& options)
    : token_embedding_(options.vocab_size, options.hidden_size, Init::normal(0.02 * options.initializer_factor)),
      position_embedding_(options.max_position_embeddings, options.hidden_size,
                          Init::normal(0.02 * options.initializer_factor)) {
  add_child("token_embedding", token_embedding_);
  add_child("position_embedding", position_embedding_);
}

at::Tensor CLIPTextEmbeddings::forward(const at::Tensor& input_ids, std::span<const TokenVectors> replaced) const {
  const at::Tensor positions = position_embedding_.weight().narrow(0, 0, input_ids.size(1));
  const at::Tensor tokens = at::embedding(token_embedding_.weight(), input_ids);
  for (const TokenVectors& place : replaced) {
    tokens[place.row].narrow(0, place.position, place.vectors.size(0)).copy_(place.vectors);
  }
  return tokens + positions;
}

CLIPAttention::CLIPAttention(const CLIPTextOptions& options)
    : heads_(options.num_attention_heads),
      k_proj_(options.hidden_size, options.hidden_size),
      v_proj_(options.hidden_size, options.hidden_size),
      q_proj_(options.hidden_size, options.hidden_size),
      out_proj_(options.hidden_size, options.hidden_size) {
  add_child("k_proj", k_proj_);
  add_child("v_proj", v_proj_);
  add_child("q_proj", q_proj_);
  add_child("out_proj", out_proj_);
  for (Linear* linear : {&k_proj_, &v_proj_, &q_proj_}) set_normal_init(*linear, residual_branch_std(options));
  set_normal_init(out_proj_, width_std(options, static_cast<double>(options.hidden_size)));
}

at::Tensor CLIPAttention::forward(const LayerNorm& norm, const at::Tensor& hidden_states) const {
  const auto [query, key, value] = normed_projections<3>(norm, {&q_proj_, &k_proj_, &v_proj_}, hidden_states);
  return out_proj_.forward(attention(query, key, value, heads_, /*causal=*/true));
}

CLIPMLP::CLIPMLP(const CLIPTextOptions& options)
    : activation_(options.hidden_act == "quick_gelu" ? Activation::kQuickGelu : Activation::kGelu),
      fc1_(options.hidden_size, options.intermediate_size),
      fc2_(options.intermediate_size, options.hidden_size) {
  add_child("fc1", fc1_);
  add_child("fc2", fc2_);
  set_normal_init(fc1_, width_std(options, 2 * static_cast<double>(options.hidden_size)));
  set_normal_init(fc2_, residual_branch_std(options));
}

at::Tensor CLIPMLP::forward(const LayerNorm& norm, const at::Tensor& hidden_states) const {
  const at::Tensor inner = normed_projection(norm, Activation::kNone, fc1_, hidden_states);
  return activated_projection(activation_, fc2_, inner);
}

CLIPEncoderLayer::CLIPEncoderLayer(const CLIPTextOptions& options)
    : self_attn_(options),
      layer_norm1_(options.hidden_size, options.layer_norm_eps),
      mlp_(options),
      layer_norm2_(options.hidden_size, options.layer_norm_eps) {
  add_child("self_attn", self_attn_);
  add_child("layer_norm1", layer_norm1_);
  add_child("mlp", mlp_);
  add_child("layer_norm2", layer_norm2_);
}

at::Tensor CLIPEncoderLayer::forward(const at::Tensor& hidden_states) const {
  const at::Tensor attended = hidden_states + self_attn_.forward(layer_norm1_, hidden_states);
  return attended + mlp_.forward(layer_norm2_, attended);
}

}  // namespace atelier

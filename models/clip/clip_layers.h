// The parts of a CLIP text encoder, named as in transformers.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "models/layers/norm.h"
#include "models/layers/normed_projection.h"
#include "models/layers/projection.h"
#include "models/module.h"
#include "models/options/clip_options.h"

namespace atelier {

/// A table of vectors.
class Embedding : public Module {
 public:
  Embedding(int64_t count, int64_t width, Init init);
  const at::Tensor& weight() const { return weight_; }  // [count, width]

 private:
  at::Tensor weight_;
};

/// Vectors that stand in the place of token embeddings (a textual inversion).
struct TokenVectors {
  int64_t row, position;  // of the first: vectors[i] replaces the token at [row, position + i]
  at::Tensor vectors;     // [n, D]
};

class CLIPTextEmbeddings : public Module {
 public:
  explicit CLIPTextEmbeddings(const CLIPTextOptions& options);
  /// [B, L] int64 -> [B, L, D]; token, or what replaces it, plus position.
  at::Tensor forward(const at::Tensor& input_ids, std::span<const TokenVectors> replaced = {}) const;

 private:
  Embedding token_embedding_, position_embedding_;
};

class CLIPAttention : public Module {
 public:
  explicit CLIPAttention(const CLIPTextOptions& options);
  /// Causal self-attention of norm(hidden_states), [B, L, D] -> [B, L, D].
  at::Tensor forward(const LayerNorm& norm, const at::Tensor& hidden_states) const;

 private:
  int64_t heads_;
  Linear k_proj_, v_proj_, q_proj_, out_proj_;
};

class CLIPMLP : public Module {
 public:
  explicit CLIPMLP(const CLIPTextOptions& options);
  /// fc2(activation(fc1(norm(hidden_states)))), [B, L, D] -> [B, L, D].
  at::Tensor forward(const LayerNorm& norm, const at::Tensor& hidden_states) const;

 private:
  Activation activation_;
  Linear fc1_, fc2_;
};

class CLIPEncoderLayer : public Module {
 public:
  explicit CLIPEncoderLayer(const CLIPTextOptions& options);
  at::Tensor forward(const at::Tensor& hidden_states) const;  // [B, L, D] -> [B, L, D]

 private:
  CLIPAttention self_attn_;
  LayerNorm layer_norm1_;
  CLIPMLP mlp_;
  LayerNorm layer_norm2_;
};

}  // namespace atelier

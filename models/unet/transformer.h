// The attention half of the UNet: a stack of transformer blocks over the pixels of a feature map.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "models/layers/norm.h"
#include "models/layers/projection.h"
#include "models/module.h"

namespace atelier {

/// Multi-head attention with its four projections.
class Attention : public Module {
 public:
  Attention(int64_t channels, int64_t context_channels, int64_t heads);

  /// Among the normalised positions of `input` [B, N, C].
  at::Tensor among(const Norm& norm, const at::Tensor& input) const;
  /// From the normalised positions of `input` [B, N, C] to `context` [B, L, context].
  at::Tensor to(const Norm& norm, const at::Tensor& input, const at::Tensor& context) const;

 private:
  int64_t heads_;
  Linear to_q_, to_k_, to_v_, to_out_;
};

/// Self-attention, cross-attention to the text, GEGLU; each on its normalised input, added to it.
class BasicTransformerBlock : public Module {
 public:
  BasicTransformerBlock(int64_t channels, int64_t heads, int64_t text_channels);
  at::Tensor forward(const at::Tensor& input /*[B, N, C]*/, const at::Tensor& text /*[B, L, D]*/) const;

 private:
  LayerNorm norm1_;
  Attention attn1_;
  LayerNorm norm2_;
  Attention attn2_;
  LayerNorm norm3_;
  Linear ff_in_, ff_out_;  // ff.net.0.proj, ff.net.2
};

struct TransformerShape {
  int64_t channels, heads, layers, text_channels, groups;
  bool linear_projection;  // proj_in and proj_out are Linear on positions rather than 1x1 convolutions
};

class Transformer2DModel : public Module {
 public:
  explicit Transformer2DModel(const TransformerShape& shape);

  at::Tensor forward(const at::Tensor& input,  // [B, C, h, w]
                     const at::Tensor& text,   // [B, L, D]
                     bool checkpointed) const;

 private:
  at::Tensor project_in(const at::Tensor& input) const;                             // [B, C, h, w] -> [B, h*w, C]
  at::Tensor project_out(const at::Tensor& hidden, const at::Tensor& input) const;  // and back, input added

  bool linear_projection_;
  GroupNorm norm_;
  std::unique_ptr<Projection> proj_in_;
  std::vector<std::unique_ptr<BasicTransformerBlock>> blocks_;
  std::unique_ptr<Projection> proj_out_;
};

}  // namespace atelier

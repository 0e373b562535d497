// CLIP's text encoder: token ids -> hidden states and one vector a text.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string_view>

#include "configs/base/safetensors.h"
#include "models/layers/projection.h"
#include "models/module.h"
#include "models/options/clip_options.h"

namespace atelier {

struct CLIPTextOutput {
  at::Tensor last_hidden_state;         // [B, L, D], after the final norm
  at::Tensor penultimate_hidden_state;  // [B, L, D], the input of the last layer, before the final norm
  at::Tensor pooled;                    // text_embeds [B, P] with a projection, else pooler_output [B, D]
};

/// transformers' CLIPTextModel and, with `options.with_projection`, CLIPTextModelWithProjection; their names
/// ("text_model.encoder.layers.0.self_attn.q_proj.weight", "text_projection.weight").
class CLIPTextModel : public Module {
 public:
  explicit CLIPTextModel(const CLIPTextOptions& options);
  ~CLIPTextModel() override;

  /// `folder`: config.json and safetensors, as transformers writes them. WeightsError.
  static std::unique_ptr<CLIPTextModel> from_pretrained(const std::filesystem::path& folder);
  /// config.json and model.safetensors, as transformers' from_pretrained reads them.
  void save_pretrained(const std::filesystem::path& folder, SafeDtype dtype) const;

  const CLIPTextOptions& options() const { return options_; }
  std::string_view class_name() const;

  /// `input_ids` [B, L] int64 in [0, vocab_size), L at most max_position_embeddings. The pooled vector is that of the
  /// first end-of-text token. WeightsError if L is too long for the model.
  CLIPTextOutput forward(const at::Tensor& input_ids) const;
  /// Only CLIPTextOutput::penultimate_hidden_state [B, L, D], without the last layer's work.
  at::Tensor penultimate_hidden_state(const at::Tensor& input_ids) const;

  /// Recompute each layer in the backward pass (models/layers/checkpoint.h).
  void set_gradient_checkpointing(bool enabled) { gradient_checkpointing_ = enabled; }

 private:
  class Transformer;  // the part that transformers calls text_model

  at::Tensor run_layer(size_t index, const at::Tensor& hidden_states) const;
  at::Tensor pool(const at::Tensor& last_hidden_state, const at::Tensor& input_ids) const;  // [B, D]

  CLIPTextOptions options_;
  bool gradient_checkpointing_ = false;
  std::unique_ptr<Transformer> text_model_;
  std::unique_ptr<Linear> text_projection_;  // nullptr without projection
};

}  // namespace atelier

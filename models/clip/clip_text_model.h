// CLIP's text encoder: token ids -> hidden states and one vector a text.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "configs/base/safetensors.h"
#include "models/layers/projection.h"
#include "models/module.h"
#include "models/options/clip_options.h"

namespace atelier {

struct TokenVectors;  // models/clip/clip_layers.h

/// What is asked of an encoder beside the ids.
struct CLIPTextRequest {
  /// Which layer's output counts, from the end: transformers' hidden_states[-clip_skip], never through the final norm.
  /// 1: the last layer's; 2, SDXL's: the last layer's input, the web UIs' and ComfyUI's "clip skip 2", diffusers'
  /// clip_skip 0 or null (its n is n + 2 here); layers + 1: the embeddings.
  int64_t clip_skip = 2;
  std::span<const TokenVectors> replaced = {};  // in the place of token embeddings
};

struct CLIPTextOutput {
  at::Tensor last_hidden_state;  // [B, L, D], after the final norm
  at::Tensor hidden_state;       // [B, L, D], that of the request's clip_skip
  at::Tensor pooled;             // text_embeds [B, P] with a projection, else pooler_output [B, D]
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
  /// first end-of-text token, of the last layer whatever clip_skip says. WeightsError if L is too long for the model,
  /// ConfigError if it has too few layers for clip_skip.
  CLIPTextOutput forward(const at::Tensor& input_ids, const CLIPTextRequest& request = {}) const;
  /// Only CLIPTextOutput::hidden_state [B, L, D], without the work of later layers.
  at::Tensor hidden_state(const at::Tensor& input_ids, const CLIPTextRequest& request = {}) const;

  /// Recompute each layer in the backward pass (models/layers/checkpoint.h).
  void set_gradient_checkpointing(bool enabled) { gradient_checkpointing_ = enabled; }

 private:
  class Transformer;  // the part that transformers calls text_model

  size_t layers_before(const CLIPTextRequest& request) const;
  at::Tensor run_layers(size_t begin, size_t end, at::Tensor hidden_states) const;
  at::Tensor pool(const at::Tensor& last_hidden_state, const at::Tensor& input_ids) const;  // [B, D]

  CLIPTextOptions options_;
  bool gradient_checkpointing_ = false;
  std::unique_ptr<Transformer> text_model_;
  std::unique_ptr<Linear> text_projection_;  // nullptr without projection
};

}  // namespace atelier

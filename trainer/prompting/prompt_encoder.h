// Texts -> what the UNet is told. Here the tokenizer (data) meets the text encoders (models).
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <string>

#include "data/caption/clip_tokenizer.h"
#include "models/pipeline/stable_diffusion_xl.h"

namespace atelier {

/// Token ids of both encoders, as many a text as the model has positions (77), padded as each wants it; what is longer
/// is cut.
class PromptEncoder {
 public:
  /// `model` must outlive it. Where its text encoders are trained, the encoding carries their graph.
  /// `warn_of_cuts`: log each text that is too long.
  PromptEncoder(const StableDiffusionXL& model, at::Device device, bool warn_of_cuts = false)
      : model_(model), device_(device), warn_of_cuts_(warn_of_cuts) {}

  Conditioning encode(std::span<const std::string> texts) const;

 private:
  at::Tensor token_ids(std::span<const std::string> texts, int encoder) const;  // [B, L] int64

  const StableDiffusionXL& model_;
  at::Device device_;
  bool warn_of_cuts_;
  ClipTokenizer tokenizer_;
};

}  // namespace atelier

// Captions and sizes -> what the UNet is told.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <string>
#include <vector>

#include "data/caption/clip_tokenizer.h"
#include "data/loader/batch_loader.h"
#include "models/pipeline/stable_diffusion_xl.h"

namespace atelier {

/// Token ids of both encoders, 77 a text, padded as each wants it; longer texts are cut.
class PromptEncoder {
 public:
  /// `model` must outlive it. Its text encoders' parameters may be trained: the encoding carries their graph then.
  PromptEncoder(const StableDiffusionXL& model, at::Device device) : model_(model), device_(device) {}

  Conditioning encode(std::span<const std::string> texts) const;

 private:
  at::Tensor token_ids(std::span<const std::string> texts, int encoder) const;  // [B, 77] int64

  const StableDiffusionXL& model_;
  at::Device device_;
  ClipTokenizer tokenizer_;
};

/// SDXL's micro-conditioning of a loaded batch: original size, crop really taken, bucket size.
std::vector<SizeConditioning> size_conditioning(const LoadedBatch& batch);

}  // namespace atelier

// Textual-inversion files for SDXL: the vectors that a new word stands for.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>

namespace atelier {

/// What the web UIs and diffusers exchange: a word of n vectors for each text encoder.
struct TextualInversion {
  at::Tensor clip_l;  // [n, 768], float
  at::Tensor clip_g;  // [n, 1280], float

  int64_t vectors() const { return clip_l.size(0); }
};

/// A safetensors file with `clip_l` and `clip_g`. WeightsError names the file and what is wrong: one made for SD 1.5 or
/// SD 2 (`emb_params`), a tensor that is missing, has another shape than [n, D], or another n than its partner. Whether
/// D fits is for whoever knows the model.
TextualInversion read_textual_inversion(const std::filesystem::path& path);

}  // namespace atelier

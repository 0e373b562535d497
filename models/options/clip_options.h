// transformers' CLIPTextConfig: the shape of a CLIP text encoder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace atelier {

/// transformers' names and defaults.
struct CLIPTextOptions {
  bool with_projection = false;  // architectures: CLIPTextModel (false) or CLIPTextModelWithProjection (true)
  int64_t vocab_size = 49408;
  int64_t hidden_size = 512;
  int64_t intermediate_size = 2048;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 8;
  int64_t max_position_embeddings = 77;
  int64_t projection_dim = 512;
  std::string hidden_act = "quick_gelu";  // quick_gelu | gelu
  double layer_norm_eps = 1e-5;
  int64_t eos_token_id = 49407;  // 2, in older files, means: pool at the largest id
  int64_t bos_token_id = 49406;  // kept for the file alone, as pad_token_id is
  int64_t pad_token_id = 1;
  double initializer_factor = 1.0;
};

/// Reads a text encoder's `config.json`, or the folder that holds it. Unsupported values (another activation, dropout,
/// a size that the heads do not divide) are a WeightsError naming key and file.
CLIPTextOptions read_clip_text_options(const std::filesystem::path& path);

/// Writes `config.json` into `folder`, as transformers' from_pretrained reads it.
void write_clip_text_options(const CLIPTextOptions& options, const std::filesystem::path& folder);

}  // namespace atelier

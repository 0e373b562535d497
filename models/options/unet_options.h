// What a UNet2DConditionModel looks like: diffusers' config.json of the SDXL family.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace atelier {

/// diffusers' names and meanings; defaults are SDXL base 1.0. Level 0 is the one of the latents' own size, each further
/// level has half the side. Per-level lists have one entry a level.
struct UNet2DConditionOptions {
  int64_t sample_size = 128;  // latents of the pictures it was trained on; not used by forward
  int64_t in_channels = 4;
  int64_t out_channels = 4;
  std::vector<int64_t> block_out_channels{320, 640, 1280};
  std::vector<bool> down_attention{false, true, true};  // CrossAttnDownBlock2D rather than DownBlock2D
  std::vector<bool> up_attention{true, true, false};    // CrossAttnUpBlock2D rather than UpBlock2D; lowest level first
  std::vector<int64_t> layers_per_block{2, 2, 2};
  std::vector<int64_t> transformer_layers_per_block{1, 2, 10};
  std::vector<int64_t> reverse_transformer_layers_per_block;  // of the up blocks, lowest level first; empty: the same
  std::vector<int64_t> attention_heads{5, 10, 20};            // diffusers calls it attention_head_dim
  int64_t cross_attention_dim = 2048;
  bool use_linear_projection = true;
  int64_t norm_num_groups = 32;
  double norm_eps = 1e-5;
  bool flip_sin_to_cos = true;
  double freq_shift = 0;
  int64_t addition_time_embed_dim = 256;
  /// Pooled text + one addition_time_embed_dim for each of the time ids: 6 in SDXL base, 5 in the refiner.
  int64_t projection_class_embeddings_input_dim = 2816;

  int64_t levels() const { return static_cast<int64_t>(block_out_channels.size()); }
  int64_t time_embed_dim() const { return 4 * block_out_channels.front(); }
  /// Transformer blocks after each ResNet block of the up half's `level`.
  int64_t up_transformer_layers(int64_t level) const {
    return reverse_transformer_layers_per_block.empty() ? transformer_layers_per_block[level]
                                                        : reverse_transformer_layers_per_block[levels() - 1 - level];
  }
};

/// Reads `config.json` (a file, or the folder that holds it). WeightsError naming file and key for what is missing,
/// unknown, inconsistent, or a variant that is not supported.
UNet2DConditionOptions read_unet_options(const std::filesystem::path& path);

/// The config.json that diffusers' UNet2DConditionModel.from_pretrained reads.
std::string unet_config_json(const UNet2DConditionOptions& options);

}  // namespace atelier

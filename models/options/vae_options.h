// What an AutoencoderKL looks like: diffusers' config.json of SDXL's VAE.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace atelier {

/// diffusers' names and meanings; defaults are the VAE of SDXL base 1.0. Level 0 is the one of the pixels' own size.
struct AutoencoderKLOptions {
  int64_t sample_size = 1024;  // px it was trained on: the side of a tile
  int64_t in_channels = 3;
  int64_t out_channels = 3;
  int64_t latent_channels = 4;
  std::vector<int64_t> block_out_channels{128, 256, 512, 512};
  int64_t layers_per_block = 2;
  int64_t norm_num_groups = 32;
  // Scaled latents are (latents - latents_mean) * scaling_factor / latents_std.
  double scaling_factor = 0.13025;
  std::vector<double> latents_mean, latents_std;  // one a latent channel, or empty: 0 and 1
  bool use_quant_conv = true;
  bool use_post_quant_conv = true;
  bool mid_block_add_attention = true;
  bool force_upcast = true;  // fp16 overflows: compute in fp32 (or bf16)

  int64_t levels() const { return static_cast<int64_t>(block_out_channels.size()); }
  /// Pixels a latent, along each side.
  int64_t factor() const { return int64_t{1} << (levels() - 1); }
};

/// Reads `config.json` (a file, or the folder that holds it). WeightsError naming file and key for what is missing,
/// unknown, inconsistent, or a variant that is not supported.
AutoencoderKLOptions read_vae_options(const std::filesystem::path& path);

/// The config.json that diffusers' AutoencoderKL.from_pretrained reads.
std::string vae_config_json(const AutoencoderKLOptions& options);

/// The config.json of a DctAutoencoder, which has no options.
std::string dct_config_json();

/// The class that `vae` names: "DctAutoencoder" for "dct", else `_class_name` of the folder's config.json.
std::string autoencoder_class(const std::filesystem::path& vae);

/// Pixels a latent, along each side, of what `vae` names: "dct", or a folder with a config.json.
int64_t autoencoder_factor(const std::filesystem::path& vae);

}  // namespace atelier

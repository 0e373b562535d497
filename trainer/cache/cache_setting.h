// What every record of a cache depends on besides its picture or caption: the network that encodes, and the type of the
// numbers. Another setting is another folder, so that nothing stale is ever read.
#pragma once

#include <filesystem>
#include <string>

#include "configs/base/safetensors.h"
#include "data/options/cache_options.h"
#include "data/options/prompt_options.h"
#include "models/pipeline/stable_diffusion_xl.h"

namespace atelier {

struct CacheSetting {
  std::string kind;  // "latents", "texts": begins the folder's name
  std::string json;  // readable; the folder is named by its hash

  /// CACHE_DIR/latents-0123456789abcdef, which is made and says in setting.json what it is of.
  std::filesystem::path open(const std::filesystem::path& cache_dir) const;
};

/// Of the numbers in the records.
SafeDtype cache_dtype(const CacheOptions& options);

/// Of the encoding half of the autoencoder (its weights as they were loaded), and of what it computes in.
CacheSetting latent_setting(const Autoencoder& autoencoder, const CacheOptions& options);

/// Of both text encoders' weights and of how texts are read. REQUIRES that they have their place.
CacheSetting text_setting(const StableDiffusionXL& model, const PromptOptions& prompts, const CacheOptions& options);

}  // namespace atelier

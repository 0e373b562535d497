// What is encoded once and kept on disk: fields of the `dataset` section. Names are sd-scripts' where it has one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "configs/schema/field.h"

namespace atelier {

struct CacheOptions {
  std::string cache_latents = "off";               // off | disk
  std::string cache_text_encoder_outputs = "off";  // off | disk
  std::optional<std::string> cache_dir;
  std::string cache_dtype = "fp16";  // fp16 | bf16 | fp32
  int64_t vae_batch_size = 1;

  bool latents() const { return cache_latents == "disk"; }
  bool text_encoder_outputs() const { return cache_text_encoder_outputs == "disk"; }
};

/// Adds the fields to the surrounding `dataset` section.
inline void describe_cache(Section& section, CacheOptions& options) {
  section.field("cache_latents", options.cache_latents)
      .choices({"off", "disk"})
      .doc(
          "disk: each picture is encoded by the VAE once, and its latents' distribution is read from cache_dir from "
          "then on; training fills what is missing before it begins.");
  section.field("cache_text_encoder_outputs", options.cache_text_encoder_outputs)
      .choices({"off", "disk"})
      .doc("disk: the same of captions and text encoders, where neither changes in training.");
  section.field("cache_dir", options.cache_dir)
      .path()
      .doc("Folder of the caches, which several runs may share; null: OUTPUT_DIR/cache.");
  section.field("cache_dtype", options.cache_dtype)
      .choices({"fp16", "bf16", "fp32"})
      .doc("Type of the numbers in the caches.");
  section.field("vae_batch_size", options.vae_batch_size)
      .range(1, 1024)
      .unit("pictures")
      .doc("Pictures of one size that the VAE encodes at once while the cache is filled.");
}

}  // namespace atelier

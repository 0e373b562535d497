// The `model:` section: which weights are trained, or which shape is started from nothing.
#pragma once

#include <optional>
#include <string>

#include "configs/schema/field.h"

namespace atelier {

struct ModelOptions {
  std::optional<std::string> pretrained_model_name_or_path;
  std::optional<std::string> config;
  std::optional<std::string> vae;
};

inline void describe(Section& section, ModelOptions& options) {
  section.field("pretrained_model_name_or_path", options.pretrained_model_name_or_path)
      .path()
      .doc("Weights to start from: a diffusers pipeline folder, or a single-file checkpoint.");
  section.field("config", options.config)
      .path()
      .doc("Folder of a pipeline's config.json files: start from random weights of that shape.");
  section.field("vae", options.vae)
      .path()
      .choices({"dct"})
      .doc("Another autoencoder: a diffusers AutoencoderKL folder, a VAE file in the layout of single files, or dct, "
           "the fixed block-DCT one; null: the model's.");
}

}  // namespace atelier

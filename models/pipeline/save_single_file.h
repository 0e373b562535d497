// A model in memory as a single-file checkpoint.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "configs/base/safetensors.h"

namespace atelier {

class StableDiffusionXL;

/// Whether a single file can hold all of the model and its readers will take it for what it is: both text encoders, an
/// AutoencoderKL, and no option that such a file cannot say.
bool fits_single_file(const StableDiffusionXL& model);

/// Writes docs/formats/single_file.md with `metadata` and what ModelSpec wants beside it, the hash included, tensor by
/// tensor. `dtype` of the weights: kF32, kF16 or kBF16. REQUIRES fits_single_file(model).
void save_single_file(const StableDiffusionXL& model, const std::filesystem::path& file, SafeDtype dtype,
                      const std::map<std::string, std::string>& metadata);

}  // namespace atelier

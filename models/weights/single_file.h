// Writing the single-file layout of SDXL checkpoints (docs/formats/single_file.md).
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "configs/base/safetensors.h"
#include "models/weights/stored_pipeline.h"
#include "models/weights/tensor_source.h"

namespace atelier {

/// The tensors of the pipeline under sgm's names: q, k and v of the second text encoder as one, its projection
/// transposed, the VAE's attention as 1x1 convolutions, with position_ids, logit_scale and the markers. SDXL base has
/// 2515 (and a marker or two). WeightsError naming what is missing: such a file has a VAE, a UNet and both text
/// encoders (the refiner: the second).
std::vector<TensorSource> single_file_tensors(const StoredPipeline& pipeline);

/// The pipeline's metadata with what ModelSpec wants (https://github.com/Stability-AI/ModelSpec) where it lacks it.
/// `title` is taken if there is none. No hash.
std::map<std::string, std::string> single_file_metadata(const StoredPipeline& pipeline, const std::string& title);

struct WriteOptions {
  std::optional<SafeDtype> dtype;  // of floating tensors; nullopt: each its own
  std::map<std::string, std::string> metadata;
  /// Adds modelspec.hash_sha256, "0x" and the SHA-256 of everything after the header: converts everything twice.
  bool hash = false;
  /// Called after each tensor with its size in bytes; may throw to stop.
  std::function<void(int64_t)> on_tensor;
};

/// Writes the tensors to one safetensors file, wide types first and then by name as the reference implementation does,
/// with one of them in memory at a time. Integers and empty markers keep their type.
void write_tensor_sources(const std::filesystem::path& file, std::vector<TensorSource> sources,
                          const WriteOptions& options);

}  // namespace atelier

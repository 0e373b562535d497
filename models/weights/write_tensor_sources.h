// The one way in which weights are written: tensors from wherever they lie, one by one, to a safetensors file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "configs/base/safetensors.h"
#include "models/weights/tensor_source.h"

namespace atelier {

struct WriteOptions {
  std::optional<SafeDtype> dtype;  // of floating tensors; nullopt: each its own
  std::map<std::string, std::string> metadata;
  /// Adds modelspec.hash_sha256, "0x" and the SHA-256 of everything after the header: converts everything twice.
  bool hash = false;
  /// Called after each tensor with its size in bytes; may throw to stop.
  std::function<void(int64_t)> on_tensor;
};

/// Writes the tensors to one safetensors file, wide types first and then by name as the reference implementation does,
/// with one of them in memory at a time. Integers and empty markers keep their type. WeightsError naming a tensor that
/// holds a number too large for the type.
void write_tensor_sources(const std::filesystem::path& file, std::vector<TensorSource> sources,
                          const WriteOptions& options);

}  // namespace atelier

// What a file is that is no safetensors file: the things people give by mistake, told by their first bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace atelier {

struct ForeignFile {
  std::string what;  // "a PyTorch pickle (...)": completes "this is ..."
  std::string hint;  // the way out
};

/// Looks at the first bytes only and runs nothing of the file. nullopt: none of the known formats.
std::optional<ForeignFile> foreign_file(std::span<const std::byte> bytes);

}  // namespace atelier

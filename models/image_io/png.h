// Writes pictures as PNG, with text chunks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace atelier {

struct PngText {
  std::string keyword;  // 1..79 Latin-1 characters
  std::string text;     // UTF-8; written as tEXt if it is ASCII, else as iTXt
};

/// `rgb` [height, width, 3] sRGB; appears whole or not at all.
void write_png(const std::filesystem::path& path, std::span<const uint8_t> rgb, int64_t width, int64_t height,
               const std::vector<PngText>& texts = {});

}  // namespace atelier

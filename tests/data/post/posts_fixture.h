// Folders of pictures and posts files made for one test.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "configs/base/atomic_file.h"
#include "data/options/source_options.h"
#include "tests/support/temporary_folder.h"

namespace atelier {

/// Makes `path` with its folders.
inline void write_text(const std::filesystem::path& path, std::string_view content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

/// A PNG whose header says `width` x `height`; good for a scan, which reads no pixel.
inline std::string png_of_size(int32_t width, int32_t height) {
  std::string bytes = read_file(std::filesystem::path(ATELIER_TEST_DATA) / "images" / "rgb.png");
  constexpr size_t kSizeOffset = 16;  // of the IHDR chunk's width, big-endian, the height behind it
  for (size_t i = 0; i < 4; ++i) {
    bytes[kSizeOffset + i] = static_cast<char>(width >> (24 - 8 * i));
    bytes[kSizeOffset + 4 + i] = static_cast<char>(height >> (24 - 8 * i));
  }
  return bytes;
}

inline void write_picture(const std::filesystem::path& path, int32_t width, int32_t height,
                          std::string_view caption = {}) {
  write_text(path, png_of_size(width, height));
  if (!caption.empty()) write_text(std::filesystem::path(path).replace_extension(".txt"), caption);
}

inline SourceOptions source_of(const std::filesystem::path& path) {
  SourceOptions options;
  options.path = path.string();
  return options;
}

}  // namespace atelier

// What a picture file says about itself without being decoded: format by magic bytes, size by header.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

namespace atelier {

enum class ImageFormat { kJpeg, kPng, kWebp, kGif, kAvif };
inline constexpr std::array<std::string_view, 5> kImageFormatNames = {"jpeg", "png", "webp", "gif", "avif"};

constexpr std::string_view image_format_name(ImageFormat format) {
  return kImageFormatNames[static_cast<size_t>(format)];
}

struct ImageInfo {
  ImageFormat format = ImageFormat::kJpeg;
  int32_t width = 0, height = 0;  // px, upright
  /// EXIF 1..8: how the stored pixels are turned to be seen upright. 1 for AVIF, whose decoder turns.
  int32_t orientation = 1;
  bool animated = false;   // more than one frame; training takes the first
  bool truncated = false;  // no end marker (JPEG EOI, PNG IEND) or fewer bytes than the container declares
};

/// Reads what is needed of the file: magic bytes, headers, EXIF orientation, the end marker; no pixel. Types are known
/// by content, never by suffix. Errors: DataError with the reason ("not a picture", "JPEG header cut short", ...); its
/// where() is the path, empty for bytes in memory.
ImageInfo probe_image(const std::filesystem::path& path);
ImageInfo probe_image(std::span<const std::byte> file);

}  // namespace atelier

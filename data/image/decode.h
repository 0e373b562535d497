// A picture file to sRGB bytes, upright, in one size.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace atelier {

/// 8-bit sRGB colour.
using Rgb = std::array<uint8_t, 3>;

/// "#rrggbb". ConfigError otherwise; `where` is the option that says so.
Rgb parse_colour(std::string_view text, std::string_view where = {});

/// Where the wanted pixels lie: the upright picture is resized to resized_width x resized_height, of which the
/// rectangle of width x height at (crop_left, crop_top) is taken, and then mirrored left to right. All in px.
struct Placement {
  int32_t resized_width = 0, resized_height = 0;
  int32_t crop_left = 0, crop_top = 0;
  int32_t width = 0, height = 0;
  bool flipped = false;
};

struct DecodeOptions {
  Rgb background = {255, 255, 255};         // behind transparent pixels, composited before any resize
  int64_t max_pixels = int64_t{512} << 20;  // more is an error before anything is decoded
};

struct Picture {
  int32_t width = 0, height = 0;                    // px
  int32_t original_width = 0, original_height = 0;  // px, upright, before any resize
  std::vector<uint8_t> rgb;                         // [height, width, 3] sRGB
};

/// The caller's memory.
struct PixelTarget {
  std::span<uint8_t> rgb;         // [height, width, 3] sRGB
  std::span<uint8_t> alpha = {};  // [height, width], 255: opaque; empty: not wanted
};

/// Decodes the first frame: EXIF orientation, embedded ICC profile to sRGB, CMYK, grey, palette and 16 bits to 8-bit
/// RGB, alpha composited on the background, then (with a placement) resize and crop: Lanczos-3 downwards, bicubic
/// upwards. A large JPEG is shrunk while decoding, to no less than 5/4 of the wanted size. A JPEG without its end
/// marker or a PNG without IEND is taken if all its pixels are there. Thread-safe; works on one thread. Errors:
/// DataError with the path for what is no picture, missing or corrupt pixels, more than max_pixels, a sliver that its
/// placement would enlarge beyond 128 Mi px.
Picture decode_image(const std::filesystem::path& path, const DecodeOptions& options = {},
                     const std::optional<Placement>& placement = std::nullopt);
/// The same of a file's bytes; errors have no place.
Picture decode_image(std::span<const std::byte> file, const DecodeOptions& options = {},
                     const std::optional<Placement>& placement = std::nullopt);

/// The same into the caller's memory, whose size must fit the placement. Returns the upright size before the resize as
/// {width, height}.
std::array<int32_t, 2> decode_image_into(std::span<const std::byte> file, const DecodeOptions& options,
                                         const Placement& placement, const PixelTarget& target);

}  // namespace atelier

#include "data/image/pixel_hash.h"

#include <memory>
#include <vector>

#include "configs/base/error.h"
#include "configs/base/hash.h"
#include "configs/base/text.h"
#include "data/image/pixel_rows.h"
#include "data/image/upright.h"

namespace atelier {
namespace {

constexpr size_t kChannels = 4;

void hash_text(Md5Hasher& hasher, const std::string& text) { hasher.update(std::as_bytes(std::span(text))); }

void hash_upright(Md5Hasher& hasher, PixelRows& rows) {
  const size_t line = static_cast<size_t>(rows.width()) * kChannels;
  for (int32_t y = 0; y < rows.height(); ++y) hasher.update(std::as_bytes(std::span(rows.next(), line)));
}

void hash_turned(Md5Hasher& hasher, PixelRows& rows, const ImageInfo& info) {
  const size_t pixels = static_cast<size_t>(info.width) * static_cast<size_t>(info.height);
  std::vector<uint8_t> rgb(pixels * 3), alpha(pixels), rgba(pixels * kChannels);
  const UprightWriter writer({info.width, info.height, 0, 0, info.width, info.height}, info.orientation,
                             {.rgb = rgb, .alpha = alpha});
  for (int32_t y = 0; y < rows.height(); ++y) writer.write(y, rows.next());
  for (size_t i = 0; i < pixels; ++i) {
    for (size_t c = 0; c < 3; ++c) rgba[kChannels * i + c] = rgb[3 * i + c];
    rgba[kChannels * i + 3] = alpha[i];
  }
  hasher.update(std::as_bytes(std::span(rgba)));
}

}  // namespace

std::string pixel_hash(std::span<const std::byte> file, int64_t max_pixels) {
  const ImageInfo info = probe_image(file);
  Md5Hasher hasher;
  if (info.animated) {
    hasher.update(file);
    return hasher.hex();
  }
  if (int64_t{info.width} * info.height > max_pixels) {
    throw DataError(text("the picture has more than ", grouped(max_pixels), " pixels"));
  }
  // By the library that the site uses, also where decode_image() has a faster way.
  const std::unique_ptr<PixelRows> rows = open_vips_rows(file, info.format, ProfileReader::kLibvips);
  hash_text(hasher, text("P7\nWIDTH ", info.width, "\nHEIGHT ", info.height,
                         "\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"));
  if (info.orientation == 1) {
    hash_upright(hasher, *rows);
  } else {
    hash_turned(hasher, *rows, info);
  }
  rows->finish();
  return hasher.hex();
}

}  // namespace atelier

// WebP container specification (RFC 9649) 2.3-2.7, VP8 (RFC 6386) 9.1, VP8L 3.
#include "data/image/exif.h"
#include "data/image/format_headers.h"

namespace atelier {
namespace {

constexpr size_t kRiffHeader = 12, kChunkHeader = 8;

void read_lossy_size(const HeaderBytes& file, size_t at, ImageInfo& info) {
  if (file.big(at + 3, 3) != 0x9D012A) throw DataError("WebP header is damaged");
  info.width = static_cast<int32_t>(file.little(at + 6, 2) & 0x3FFF);
  info.height = static_cast<int32_t>(file.little(at + 8, 2) & 0x3FFF);
}

void read_lossless_size(const HeaderBytes& file, size_t at, ImageInfo& info) {
  if (file.u8(at) != 0x2F) throw DataError("WebP header is damaged");
  const uint32_t bits = file.little(at + 1, 4);
  info.width = static_cast<int32_t>((bits & 0x3FFF) + 1);
  info.height = static_cast<int32_t>((bits >> 14 & 0x3FFF) + 1);
}

/// The extended form: canvas size, then chunks of which EXIF and the frames count.
void read_extended(const HeaderBytes& file, size_t at, ImageInfo& info) {
  info.width = static_cast<int32_t>(file.little(at + 4, 3) + 1);
  info.height = static_cast<int32_t>(file.little(at + 7, 3) + 1);
  int frames = 0;
  for (size_t chunk = kRiffHeader; file.has(chunk, kChunkHeader);) {
    const size_t length = file.little(chunk + 4, 4);
    if (file.matches(chunk, "ANMF")) ++frames;
    if (file.matches(chunk, "EXIF")) info.orientation = exif_orientation(file.part(chunk + kChunkHeader, length));
    chunk += kChunkHeader + length + length % 2;
  }
  info.animated = frames > 1;
}

}  // namespace

ImageInfo read_webp_header(const HeaderBytes& file) {
  ImageInfo info{.format = ImageFormat::kWebp};
  const size_t data = kRiffHeader + kChunkHeader;
  if (file.matches(kRiffHeader, "VP8 ")) {
    read_lossy_size(file, data, info);
  } else if (file.matches(kRiffHeader, "VP8L")) {
    read_lossless_size(file, data, info);
  } else if (file.matches(kRiffHeader, "VP8X")) {
    read_extended(file, data, info);
  } else {
    throw DataError("WebP header is damaged");
  }
  info.truncated = file.size() < size_t{8} + file.little(4, 4);
  return info;
}

}  // namespace atelier

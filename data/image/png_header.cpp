// PNG specification (third edition), 5 and 11.
#include "data/image/exif.h"
#include "data/image/format_headers.h"

namespace atelier {
namespace {

constexpr size_t kSignatureSize = 8, kChunkOverhead = 12;  // length, type, CRC

bool ends(const HeaderBytes& file, size_t first_data_chunk) {
  if (file.size() >= kChunkOverhead && file.matches(file.size() - kChunkOverhead + 4, "IEND")) return true;
  for (size_t at = first_data_chunk; file.has(at, 8); at += kChunkOverhead + file.big(at, 4)) {
    if (file.matches(at + 4, "IEND")) return true;
  }
  return false;
}

}  // namespace

ImageInfo read_png_header(const HeaderBytes& file) {
  if (!file.matches(kSignatureSize + 4, "IHDR")) throw DataError("PNG header is damaged");
  ImageInfo info{.format = ImageFormat::kPng};
  const uint32_t width = file.big(kSignatureSize + 8, 4), height = file.big(kSignatureSize + 12, 4);
  if (width > INT32_MAX || height > INT32_MAX) throw DataError("PNG header is damaged");
  info.width = static_cast<int32_t>(width);
  info.height = static_cast<int32_t>(height);
  size_t at = kSignatureSize;
  while (!file.matches(at + 4, "IDAT")) {
    const size_t length = file.big(at, 4);
    if (file.matches(at + 4, "eXIf")) info.orientation = exif_orientation(file.part(at + 8, length));
    if (file.matches(at + 4, "acTL")) info.animated = file.big(at + 8, 4) > 1;
    if (file.matches(at + 4, "IEND")) throw DataError("PNG without pixels");
    at += kChunkOverhead + length;
  }
  info.truncated = !ends(file, at);
  return info;
}

}  // namespace atelier

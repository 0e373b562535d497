// GIF89a specification, 17-27.
#include "data/image/format_headers.h"

namespace atelier {
namespace {

constexpr uint8_t kExtension = 0x21, kImage = 0x2C, kTrailer = 0x3B;

size_t colour_table_size(uint8_t flags) { return flags & 0x80 ? size_t{3} << ((flags & 7) + 1) : 0; }

/// Behind the run of sub-blocks that begins at `at`.
size_t skip_sub_blocks(const HeaderBytes& file, size_t at) {
  while (const size_t length = file.u8(at)) at += 1 + length;
  return at + 1;
}

/// Walks blocks up to the second frame or the trailer; throws DataError where the file ends before.
bool has_second_frame(const HeaderBytes& file, size_t at) {
  int frames = 0;
  while (file.u8(at) != kTrailer) {
    if (file.u8(at) == kImage) {
      if (++frames == 2) return true;
      at += 10 + colour_table_size(file.u8(at + 9)) + 1;  // descriptor, table, LZW code size
    } else if (file.u8(at) == kExtension) {
      at += 2;
    } else {
      throw DataError("GIF blocks are damaged");
    }
    at = skip_sub_blocks(file, at);
  }
  return false;
}

}  // namespace

ImageInfo read_gif_header(const HeaderBytes& file) {
  ImageInfo info{.format = ImageFormat::kGif};
  info.width = static_cast<int32_t>(file.little(6, 2));
  info.height = static_cast<int32_t>(file.little(8, 2));
  const size_t blocks = 13 + colour_table_size(file.u8(10));
  try {
    info.animated = has_second_frame(file, blocks);
  } catch (const DataError&) {
    info.truncated = true;
  }
  return info;
}

}  // namespace atelier

// ITU-T T.81 annex B.
#include "data/image/exif.h"
#include "data/image/format_headers.h"

namespace atelier {
namespace {

constexpr uint8_t kStartOfScan = 0xDA, kEndOfImage = 0xD9, kApp1 = 0xE1;

bool is_start_of_frame(uint8_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

bool has_no_length(uint8_t marker) { return marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8); }

/// FF D9 cannot stand in coded data, so behind the first scan it is the end marker wherever it is (files often carry a
/// trailer); an EXIF thumbnail's own end marker lies before.
bool ends(const HeaderBytes& file, size_t scan) {
  for (size_t i = file.size(); i >= scan + 2; --i) {
    if (file.u8(i - 1) == kEndOfImage && file.u8(i - 2) == 0xFF) return true;
  }
  return false;
}

}  // namespace

ImageInfo read_jpeg_header(const HeaderBytes& file) {
  ImageInfo info{.format = ImageFormat::kJpeg};
  bool exif_seen = false;
  size_t at = 2;  // behind FF D8
  while (true) {
    if (file.u8(at) != 0xFF) throw DataError("JPEG header is damaged");
    const uint8_t marker = file.u8(at + 1);
    if (marker == 0xFF) {  // fill byte
      ++at;
      continue;
    }
    at += 2;
    if (has_no_length(marker)) continue;
    if (marker == kEndOfImage) throw DataError("JPEG without pixels");
    const size_t length = file.big(at, 2);
    if (length < 2) throw DataError("JPEG header is damaged");
    if (is_start_of_frame(marker) && info.width == 0) {
      info.height = static_cast<int32_t>(file.big(at + 3, 2));
      info.width = static_cast<int32_t>(file.big(at + 5, 2));
    } else if (marker == kApp1 && !exif_seen && file.matches(at + 2, "Exif")) {
      exif_seen = true;
      info.orientation = exif_orientation(file.part(at + 2, length - 2));
    }
    at += length;
    if (marker == kStartOfScan) break;
  }
  info.truncated = !ends(file, at);
  return info;
}

}  // namespace atelier

#include "data/image/image_info.h"

#include <array>
#include <string>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/mapped_file.h"
#include "data/image/format_headers.h"

namespace atelier {
namespace {

using namespace std::string_view_literals;

struct Magic {
  size_t offset;
  std::string_view bytes;
};

struct KnownFormat {
  Magic magic;
  ImageInfo (*read)(const HeaderBytes&);
};

constexpr std::array kFormats = {
    KnownFormat{{0, "\xFF\xD8\xFF"sv}, read_jpeg_header}, KnownFormat{{0, "\x89PNG\r\n\x1A\n"sv}, read_png_header},
    KnownFormat{{8, "WEBP"sv}, read_webp_header},         KnownFormat{{0, "GIF87a"sv}, read_gif_header},
    KnownFormat{{0, "GIF89a"sv}, read_gif_header},        KnownFormat{{4, "ftypavif"sv}, read_avif_header},
    KnownFormat{{4, "ftypavis"sv}, read_avif_header},
};

/// What else lies among pictures: named, so that a report says more than "not a picture".
constexpr std::array<std::pair<Magic, const char*>, 10> kOthers = {{
    {{4, "ftyphei"sv}, "a HEIC picture, which is not read"},
    {{4, "ftyp"sv}, "a video"},
    {{0, "\x1A\x45\xDF\xA3"sv}, "a video"},
    {{0, "\xFF\x0A"sv}, "a JPEG XL picture, which is not read"},
    {{4, "JXL "sv}, "a JPEG XL picture, which is not read"},
    {{0, "BM"sv}, "a BMP picture, which is not read"},
    {{0, "II*\0"sv}, "a TIFF picture, which is not read"},
    {{0, "MM\0*"sv}, "a TIFF picture, which is not read"},
    {{0, "PK\x03\x04"sv}, "a zip file"},
    {{0, "<"sv}, "a text file (HTML or XML)"},
}};

ImageInfo read_header(std::span<const std::byte> bytes) {
  const HeaderBytes file(bytes);
  for (const KnownFormat& format : kFormats) {
    if (file.matches(format.magic.offset, format.magic.bytes)) return format.read(file);
  }
  if (bytes.empty()) throw DataError("the file is empty");
  for (const auto& [magic, name] : kOthers) {
    if (file.matches(magic.offset, magic.bytes)) throw DataError(std::string("not a picture but ") + name);
  }
  throw DataError("not a picture");
}

}  // namespace

ImageInfo probe_image(std::span<const std::byte> file) {
  ImageInfo info = read_header(file);
  if (info.width <= 0 || info.height <= 0) throw DataError("a picture without a size");
  constexpr int32_t kFirstTransposed = 5;  // EXIF 5..8 exchange the sides
  if (info.orientation >= kFirstTransposed) std::swap(info.width, info.height);
  return info;
}

ImageInfo probe_image(const std::filesystem::path& path) {
  try {
    const MappedFile file(path);
    return probe_image(file.bytes());
  } catch (const Error& error) {
    throw DataError(error.summary(), path.string(), error.hint());
  }
}

}  // namespace atelier

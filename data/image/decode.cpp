#include "data/image/decode.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>

#include "configs/base/error.h"
#include "configs/base/mapped_file.h"
#include "configs/base/text.h"
#include "data/image/image_info.h"
#include "data/image/pixel_rows.h"
#include "data/image/row_resizer.h"
#include "data/image/upright.h"

namespace atelier {
namespace {

constexpr int64_t kMaxEnlarged = int64_t{128} << 20;  // px; a bucket has at most half of it

ImageInfo probe_within(std::span<const std::byte> file, const DecodeOptions& options) {
  const ImageInfo info = probe_image(file);
  const int64_t pixels = int64_t{info.width} * info.height;
  if (pixels > options.max_pixels) {
    throw DataError(text("the picture has ", grouped(pixels), " pixels, more than ", grouped(options.max_pixels)));
  }
  return info;
}

void check_placement(const Placement& p) {
  const bool inside = p.width > 0 && p.height > 0 && p.crop_left >= 0 && p.crop_top >= 0 &&
                      p.crop_left + p.width <= p.resized_width && p.crop_top + p.height <= p.resized_height;
  if (!inside) throw std::logic_error("a crop outside its picture");
}

/// A sliver of 10 x 10,000 px that must cover a bucket would become gigabytes, of which the crop takes a thousandth.
void check_enlargement(const ImageInfo& info, const Placement& p) {
  const int64_t own = int64_t{info.width} * info.height, resized = int64_t{p.resized_width} * p.resized_height;
  if (resized <= std::max(own, kMaxEnlarged)) return;
  throw DataError(text("too thin for its bucket: resized it would have ", p.resized_width, " x ", p.resized_height,
                       " px (dataset.select.max_aspect leaves such pictures out)"));
}

/// The largest of 1, 2, 4, 8 that leaves at least 5/4 of the wanted size: of those libjpeg-turbo has fast transforms,
/// and with a quarter to spare the result is that of the whole picture (docs/picture_reading.md has the figures).
int shrink_on_load(int32_t stored_width, int32_t stored_height, const Placement& stored) {
  const auto leaves_enough = [](int32_t side, int shrink, int32_t wanted) {
    return int64_t{4} * side >= int64_t{5} * shrink * wanted;
  };
  int shrink = 8;
  while (shrink > 1 && !(leaves_enough(stored_width, shrink, stored.resized_width) &&
                         leaves_enough(stored_height, shrink, stored.resized_height))) {
    shrink /= 2;
  }
  return shrink;
}

std::unique_ptr<PixelRows> open_rows(std::span<const std::byte> file, const ImageInfo& info, int shrink) {
  if (info.format == ImageFormat::kJpeg) return open_jpeg_rows(file, shrink);
  if (info.format == ImageFormat::kWebp) return open_webp_rows(file);
  return open_vips_rows(file, info.format);
}

/// Source-over on an opaque background; alpha stays for who wants it.
void composite(uint8_t* rgba, int32_t width, const Rgb& background) {
  for (uint8_t* pixel = rgba; pixel != rgba + 4 * static_cast<ptrdiff_t>(width); pixel += 4) {
    const int alpha = pixel[3];
    if (alpha == 255) continue;
    for (size_t c = 0; c < 3; ++c) {
      pixel[c] = static_cast<uint8_t>((pixel[c] * alpha + background[c] * (255 - alpha) + 127) / 255);
    }
  }
}

void decode(std::span<const std::byte> file, const ImageInfo& info, const DecodeOptions& options,
            const Placement& placement, const PixelTarget& target) {
  check_placement(placement);
  check_enlargement(info, placement);
  const bool transposed = info.orientation >= 5;
  const int32_t stored_width = transposed ? info.height : info.width;
  const int32_t stored_height = transposed ? info.width : info.height;
  const Placement stored = stored_placement(placement, info.orientation);
  const int shrink = info.format == ImageFormat::kJpeg ? shrink_on_load(stored_width, stored_height, stored) : 1;
  const std::unique_ptr<PixelRows> rows = open_rows(file, info, shrink);
  const auto shrunk = [shrink](int32_t side) { return (side + shrink - 1) / shrink; };
  if (rows->width() != shrunk(stored_width) || rows->height() != shrunk(stored_height)) {
    throw DataError(text("the header says ", stored_width, " x ", stored_height, " px, the data ", rows->width(), " x ",
                         rows->height(), shrink > 1 ? text(" at 1/", shrink) : ""));
  }
  const UprightWriter upright(placement, info.orientation, target);
  const PixelForm wanted = rows->form() == PixelForm::kRgba && target.alpha.empty() ? PixelForm::kRgbx : rows->form();
  RowResizer resizer(
      wanted, {rows->width(), double(stored_width) / shrink, stored.resized_width, stored.crop_left, stored.width},
      {rows->height(), double(stored_height) / shrink, stored.resized_height, stored.crop_top, stored.height},
      [&](int32_t line, const uint8_t* rgba) { upright.write(line, rgba); });
  for (int32_t y = 0; y < rows->height(); ++y) {
    uint8_t* row = rows->next();
    if (rows->form() == PixelForm::kRgba) composite(row, rows->width(), options.background);
    resizer.push(row);
  }
  rows->finish();
}

}  // namespace

Rgb parse_colour(std::string_view text, std::string_view where) {
  uint32_t value = 0;
  const char* end = text.data() + text.size();
  const bool right_form =
      text.size() == 7 && text[0] == '#' && std::from_chars(text.data() + 1, end, value, 16).ptr == end;
  if (!right_form) throw ConfigError("not a colour: " + std::string(text), std::string(where), "write it as #rrggbb");
  return {static_cast<uint8_t>(value >> 16), static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}

Picture decode_image(std::span<const std::byte> file, const DecodeOptions& options,
                     const std::optional<Placement>& placement) {
  const ImageInfo info = probe_within(file, options);
  const Placement whole{info.width, info.height, 0, 0, info.width, info.height};
  const Placement& wanted = placement ? *placement : whole;
  Picture picture{wanted.width, wanted.height, info.width, info.height, {}};
  picture.rgb.resize(static_cast<size_t>(wanted.width) * static_cast<size_t>(wanted.height) * 3);
  decode(file, info, options, wanted, {picture.rgb});
  return picture;
}

Picture decode_image(const std::filesystem::path& path, const DecodeOptions& options,
                     const std::optional<Placement>& placement) {
  try {
    const MappedFile file(path);
    return decode_image(file.bytes(), options, placement);
  } catch (const Error& error) {
    throw DataError(error.summary(), path.string(), error.hint());
  }
}

std::array<int32_t, 2> decode_image_into(std::span<const std::byte> file, const DecodeOptions& options,
                                         const Placement& placement, const PixelTarget& target) {
  const ImageInfo info = probe_within(file, options);
  decode(file, info, options, placement, target);
  return {info.width, info.height};
}

}  // namespace atelier

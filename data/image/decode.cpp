#include "data/image/decode.h"

#include <vips/vips.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/log.h"
#include "configs/base/text.h"
#include "data/image/image_info.h"
#include "data/image/upright.h"

namespace atelier {
namespace {

constexpr int64_t kChannels = 3;
constexpr int64_t kMaxEnlarged = int64_t{128} << 20;  // px; a bucket has at most half of it

using VipsHandle = std::unique_ptr<VipsImage, decltype([](VipsImage* image) { g_object_unref(image); })>;
using VipsMemory = std::unique_ptr<void, decltype([](void* memory) { g_free(memory); })>;

thread_local int vips_warnings = 0;  // given on this thread

void take_vips_log(const char*, GLogLevelFlags level, const char* message, void*) {
  if (level & G_LOG_LEVEL_WARNING) ++vips_warnings;
  log_debug("libvips: ", message);
}

/// Once a process: one thread a picture (the loader has its own), no cache of operations, no words on stderr.
void start_vips() {
  static std::once_flag once;
  std::call_once(once, [] {
    g_log_set_handler("VIPS", static_cast<GLogLevelFlags>(G_LOG_LEVEL_MASK | G_LOG_FLAG_RECURSION), take_vips_log,
                      nullptr);
    if (VIPS_INIT("atelier") != 0) throw MachineError("libvips does not start", "", "see its installation");
    vips_concurrency_set(1);
    vips_cache_set_max(0);
  });
}

[[noreturn]] void throw_vips_error() {
  const std::unique_ptr<char, decltype([](char* text) { g_free(text); })> message(vips_error_buffer_copy());
  std::string reason(trim(message.get()));
  std::replace(reason.begin(), reason.end(), '\n', ';');
  throw DataError(reason.empty() ? "the picture's data is damaged" : reason);
}

/// operation(VipsImage** out) -> the image, or DataError.
template <typename Operation>
VipsHandle make(Operation operation) {
  VipsImage* out = nullptr;
  if (operation(&out) != 0) throw_vips_error();
  return VipsHandle(out);
}

/// The first frame of the file's bytes, lines decoded as they are asked for. Warnings of libjpeg mean missing or
/// corrupt pixels, libpng's only odd metadata.
VipsHandle open(const std::string& bytes, ImageFormat format, int jpeg_shrink) {
  void* data = const_cast<char*>(bytes.data());
  const size_t size = bytes.size();
  return make([&](VipsImage** out) {
    switch (format) {
      case ImageFormat::kJpeg:
        return vips_jpegload_buffer(data, size, out, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_WARNING,
                                    "shrink", jpeg_shrink, nullptr);
      case ImageFormat::kPng:
        return vips_pngload_buffer(data, size, out, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR,
                                   nullptr);
      case ImageFormat::kWebp:
        return vips_webpload_buffer(data, size, out, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR,
                                    nullptr);
      case ImageFormat::kGif:
        return vips_gifload_buffer(data, size, out, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR,
                                   nullptr);
    }
    return -1;
  });
}

/// 8-bit sRGB, alpha kept. A profile that does not fit the pixels is ignored, as browsers do.
VipsHandle to_srgb(VipsHandle image) {
  if (vips_image_get_typeof(image.get(), VIPS_META_ICC_NAME) != 0) {
    VipsImage* out = nullptr;
    const int failed = vips_icc_transform(image.get(), &out, "srgb", "embedded", TRUE, "intent", VIPS_INTENT_PERCEPTUAL,
                                          "depth", 8, nullptr);
    if (!failed) return VipsHandle(out);
    vips_error_clear();
  }
  return make([&](VipsImage** out) { return vips_colourspace(image.get(), out, VIPS_INTERPRETATION_sRGB, nullptr); });
}

VipsHandle flatten(VipsHandle image, const Rgb& background) {
  if (!vips_image_hasalpha(image.get())) return image;
  const std::array<double, 3> colour = {double(background[0]), double(background[1]), double(background[2])};
  const std::unique_ptr<VipsArrayDouble, decltype([](VipsArrayDouble* array) { vips_area_unref(VIPS_AREA(array)); })>
      values(vips_array_double_new(colour.data(), 3));
  return make([&](VipsImage** out) { return vips_flatten(image.get(), out, "background", values.get(), nullptr); });
}

VipsHandle reduce(VipsHandle image, double x_scale, double y_scale) {
  if (x_scale == 1 && y_scale == 1) return image;
  return make([&](VipsImage** out) {
    return vips_resize(image.get(), out, x_scale, "vscale", y_scale, "kernel", VIPS_KERNEL_LANCZOS3, nullptr);
  });
}

/// vips_resize enlarges half a pixel off, so the corners are set here: output x is input (x + 1/2) / scale - 1/2.
VipsHandle enlarge(VipsHandle image, int32_t width, int32_t height) {
  if (image->Xsize == width && image->Ysize == height) return image;
  const VipsHandle whole = make([&](VipsImage** out) { return (*out = vips_image_copy_memory(image.get())) ? 0 : -1; });
  const std::unique_ptr<VipsInterpolate, decltype([](VipsInterpolate* object) { g_object_unref(object); })> bicubic(
      vips_interpolate_new("bicubic"));
  const std::array<int, 4> area = {0, 0, width, height};
  const std::unique_ptr<VipsArrayInt, decltype([](VipsArrayInt* array) { vips_area_unref(VIPS_AREA(array)); })> output(
      vips_array_int_new(area.data(), 4));
  return make([&](VipsImage** out) {
    return vips_affine(whole.get(), out, double(width) / whole->Xsize, 0.0, 0.0, double(height) / whole->Ysize,
                       "interpolate", bicubic.get(), "oarea", output.get(), "idx", 0.5, "idy", 0.5, "odx", -0.5, "ody",
                       -0.5, "extend", VIPS_EXTEND_COPY, nullptr);
  });
}

VipsHandle resize(VipsHandle image, int32_t width, int32_t height) {
  const double x_scale = std::min(1.0, double(width) / image->Xsize);
  const double y_scale = std::min(1.0, double(height) / image->Ysize);
  return enlarge(reduce(std::move(image), x_scale, y_scale), width, height);
}

/// libvips looks for libjpeg's warnings before it reads a strip of lines, so those of the last strip are only told when
/// the picture is closed.
void close(VipsHandle image, ImageFormat format) {
  const int before = vips_warnings;
  image.reset();
  if (format == ImageFormat::kJpeg && vips_warnings != before) throw DataError("the picture's last lines are damaged");
}

/// The largest of 1, 2, 4, 8 that leaves at least twice the wanted size.
int shrink_on_load(int32_t stored_width, int32_t stored_height, int32_t width, int32_t height) {
  int shrink = 8;
  while (shrink > 1 && (stored_width / shrink < 2 * width || stored_height / shrink < 2 * height)) shrink /= 2;
  return shrink;
}

struct OpenPicture {
  std::string bytes;
  ImageInfo info;
};

OpenPicture open_picture(const std::filesystem::path& path, const DecodeOptions& options) {
  OpenPicture picture;
  try {
    picture.bytes = read_file(path);
  } catch (const ConfigError& error) {
    throw DataError(error.summary());
  }
  picture.info = probe_image(std::as_bytes(std::span(picture.bytes)));
  const int64_t pixels = int64_t{picture.info.width} * picture.info.height;
  if (pixels > options.max_pixels) {
    throw DataError(text("the picture has ", grouped(pixels), " pixels, more than ", grouped(options.max_pixels)));
  }
  // Behind the end of the data libjpeg finds an end marker: all pixels are there, or it warns and the picture is bad.
  if (picture.info.format == ImageFormat::kJpeg && picture.info.truncated) picture.bytes += "\xFF\xD9";
  return picture;
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

void decode(const OpenPicture& picture, const DecodeOptions& options, const Placement& placement,
            std::span<uint8_t> rgb) {
  start_vips();
  check_placement(placement);
  check_enlargement(picture.info, placement);
  const ImageInfo& info = picture.info;
  const bool transposed = info.orientation >= 5;
  const auto stored = [&](int32_t width, int32_t height) {
    return transposed ? std::pair(height, width) : std::pair(width, height);
  };
  const auto [stored_width, stored_height] = stored(info.width, info.height);
  const auto [width, height] = stored(placement.resized_width, placement.resized_height);
  const int shrink = info.format == ImageFormat::kJpeg ? shrink_on_load(stored_width, stored_height, width, height) : 1;
  VipsHandle image = open(picture.bytes, info.format, shrink);
  if (shrink == 1 && (image->Xsize != stored_width || image->Ysize != stored_height)) {
    throw DataError(text("the header says ", stored_width, " x ", stored_height, " px, the data ", image->Xsize, " x ",
                         image->Ysize));
  }
  image = resize(flatten(to_srgb(std::move(image)), options.background), width, height);
  size_t size = 0;
  const VipsMemory memory(vips_image_write_to_memory(image.get(), &size));
  if (!memory) throw_vips_error();
  close(std::move(image), info.format);
  if (size != static_cast<size_t>(kChannels) * width * height) throw std::logic_error("libvips gave another size");
  copy_upright({static_cast<const uint8_t*>(memory.get()), size}, info.orientation, placement, rgb);
}

/// Runs `body`; its DataError gets the path.
template <typename Body>
auto with_path(const std::filesystem::path& path, Body body) {
  try {
    return body();
  } catch (const DataError& error) {
    throw DataError(error.summary(), path.string(), error.hint());
  }
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

Picture decode_image(const std::filesystem::path& path, const DecodeOptions& options,
                     const std::optional<Placement>& placement) {
  return with_path(path, [&] {
    const OpenPicture opened = open_picture(path, options);
    const ImageInfo& info = opened.info;
    const Placement whole{info.width, info.height, 0, 0, info.width, info.height};
    const Placement& wanted = placement ? *placement : whole;
    Picture picture{wanted.width, wanted.height, info.width, info.height, {}};
    picture.rgb.resize(static_cast<size_t>(kChannels) * wanted.width * wanted.height);
    decode(opened, options, wanted, picture.rgb);
    return picture;
  });
}

std::array<int32_t, 2> decode_image_into(const std::filesystem::path& path, const DecodeOptions& options,
                                         const Placement& placement, std::span<uint8_t> rgb) {
  return with_path(path, [&] {
    const OpenPicture opened = open_picture(path, options);
    decode(opened, options, placement, rgb);
    return std::array{opened.info.width, opened.info.height};
  });
}

}  // namespace atelier

// libvips: everything but JPEG and still WebP. PNG takes as long as by libpng itself; of the rest there is little.
#include <vips/vips.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "configs/base/error.h"
#include "configs/base/log.h"
#include "configs/base/text.h"
#include "data/image/colour_profile.h"
#include "data/image/pixel_rows.h"

namespace atelier {
namespace {

constexpr int kLinesAtOnce = 16;

using VipsHandle = std::unique_ptr<VipsImage, decltype([](VipsImage* image) { g_object_unref(image); })>;
using VipsLines = std::unique_ptr<VipsRegion, decltype([](VipsRegion* region) { g_object_unref(region); })>;

void take_vips_log(const char*, GLogLevelFlags, const char* message, void*) { log_debug("libvips: ", message); }

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

/// The first frame, lines decoded as they are asked for. libpng's warnings are about odd metadata and no errors.
VipsHandle open(std::span<const std::byte> file, ImageFormat format) {
  void* data = const_cast<std::byte*>(file.data());
  const size_t size = file.size();
  vips_error_clear();  // of what went well in the end
  const auto load = [&](auto loader, VipsImage** out) {
    return loader(data, size, out, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR, nullptr);
  };
  return make([&](VipsImage** out) {
    switch (format) {
      case ImageFormat::kJpeg: return load(vips_jpegload_buffer, out);
      case ImageFormat::kPng: return load(vips_pngload_buffer, out);
      case ImageFormat::kWebp: return load(vips_webpload_buffer, out);
      case ImageFormat::kGif: return load(vips_gifload_buffer, out);
      case ImageFormat::kAvif: return load(vips_heifload_buffer, out);
    }
    return -1;
  });
}

/// Null without one that changes something.
std::unique_ptr<ColourProfile> embedded_profile(VipsImage* image, PixelLayout layout) {
  const void* icc = nullptr;
  size_t size = 0;
  if (vips_image_get_typeof(image, VIPS_META_ICC_NAME) == 0) return nullptr;
  if (vips_image_get_blob(image, VIPS_META_ICC_NAME, &icc, &size) != 0) return nullptr;
  return ColourProfile::read({static_cast<const std::byte*>(icc), size}, layout);
}

/// 8-bit sRGB, alpha kept. A profile that does not fit the pixels is ignored, as browsers do.
VipsHandle to_srgb(VipsHandle image, bool with_profile) {
  if (with_profile && vips_image_get_typeof(image.get(), VIPS_META_ICC_NAME) != 0) {
    VipsImage* out = nullptr;
    const int failed = vips_icc_transform(image.get(), &out, "srgb", "embedded", TRUE, "intent", VIPS_INTENT_PERCEPTUAL,
                                          "depth", 8, nullptr);
    if (!failed) return VipsHandle(out);
    vips_error_clear();
  }
  return make([&](VipsImage** out) { return vips_colourspace(image.get(), out, VIPS_INTERPRETATION_sRGB, nullptr); });
}

class VipsRows final : public PixelRows {
 public:
  VipsRows(std::span<const std::byte> file, ImageFormat format, ProfileReader profiles) {
    start_vips();
    VipsHandle image = open(file, format);
    const bool is_cmyk = image->Type == VIPS_INTERPRETATION_CMYK;
    const bool by_libvips = profiles == ProfileReader::kLibvips || is_cmyk;
    is_grey_ = image->Bands < 3;
    if (!by_libvips) profile_ = embedded_profile(image.get(), is_grey_ ? PixelLayout::kGrey : PixelLayout::kRgba);
    image_ = to_srgb(std::move(image), by_libvips);
    const bool as_expected = image_->BandFmt == VIPS_FORMAT_UCHAR && (image_->Bands == 3 || image_->Bands == 4);
    if (!as_expected) throw DataError(text("a picture of ", image_->Bands, " channels"));
    width_ = image_->Xsize;
    height_ = image_->Ysize;
    if (image_->Bands == 4) form_ = PixelForm::kRgba;
    lines_.reset(vips_region_new(image_.get()));
    rgba_.resize(static_cast<size_t>(width_) * 4);
  }

  uint8_t* next() override {
    if (line_ % kLinesAtOnce == 0) {
      const VipsRect part{0, line_, width_, std::min(kLinesAtOnce, height_ - line_)};
      if (vips_region_prepare(lines_.get(), &part) != 0) throw_vips_error();
    }
    const uint8_t* from = VIPS_REGION_ADDR(lines_.get(), 0, line_++);
    if (form_ == PixelForm::kRgba) {
      std::copy_n(from, rgba_.size(), rgba_.data());
    } else {
      for (uint8_t* to = rgba_.data(); to != rgba_.data() + rgba_.size(); to += 4, from += 3) {
        to[0] = from[0];
        to[1] = from[1];
        to[2] = from[2];
        to[3] = 255;
      }
    }
    if (profile_) convert();
    return rgba_.data();
  }

 private:
  void convert() {
    if (!is_grey_) return profile_->to_srgb(rgba_.data(), rgba_.data(), width_);
    std::vector<uint8_t> grey(static_cast<size_t>(width_)), alpha(grey.size());
    for (size_t x = 0; x < grey.size(); ++x) grey[x] = rgba_[4 * x], alpha[x] = rgba_[4 * x + 3];
    profile_->to_srgb(grey.data(), rgba_.data(), width_);
    for (size_t x = 0; x < grey.size(); ++x) rgba_[4 * x + 3] = alpha[x];
  }

  VipsHandle image_;
  VipsLines lines_;
  std::unique_ptr<ColourProfile> profile_;
  bool is_grey_ = false;
  std::vector<uint8_t> rgba_;
  int32_t line_ = 0;
};

}  // namespace

std::unique_ptr<PixelRows> open_vips_rows(std::span<const std::byte> file, ImageFormat format, ProfileReader profiles) {
  return std::make_unique<VipsRows>(file, format, profiles);
}

}  // namespace atelier

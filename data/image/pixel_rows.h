// A picture's pixels line by line, as they lie in the file: what every codec gives and all else is made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "data/image/image_info.h"

namespace atelier {

/// What a line of pixels is, 8 bits a value.
enum class PixelForm {
  kRgba,  // [width, 4] sRGB and alpha, not premultiplied
  kRgbx,  // [width, 4] sRGB, the fourth 255: opaque
  kYcc,   // [3, padded_width(width)] Y, Cb, Cr of JFIF: opaque; what the padding holds means nothing
};

constexpr int32_t padded_width(int32_t width) { return (width + 15) / 16 * 16; }  // px

/// Upper line first, before EXIF orientation.
class PixelRows {
 public:
  virtual ~PixelRows() = default;

  int32_t width() const { return width_; }  // px, as decoded
  int32_t height() const { return height_; }
  PixelForm form() const { return form_; }

  /// The next line, valid until the next call; the caller may write into it. DataError for damaged data. REQUIRES fewer
  /// than height() calls before.
  virtual uint8_t* next() = 0;
  /// After the last line: DataError if what was given was not all there.
  virtual void finish() {}

 protected:
  int32_t width_ = 0, height_ = 0;
  PixelForm form_ = PixelForm::kRgbx;
};

/// `file` must outlive the rows. Errors: DataError with the codec's reason.
///
/// JPEG by libjpeg-turbo, `shrink` (1, 2, 4, 8) times smaller, sides rounded up. Warnings about the data are errors: a
/// half JPEG would come back grey. A missing end marker alone is none. Its own YCbCr comes back if all three planes
/// have the size of the picture and no profile is to be applied: they are cheaper to make RGB after a resize.
std::unique_ptr<PixelRows> open_jpeg_rows(std::span<const std::byte> file, int shrink);
/// A WebP by libwebp; by libvips if it is an animation, be it of a single frame, which libwebp does not decode.
std::unique_ptr<PixelRows> open_webp_rows(std::span<const std::byte> file);
enum class ProfileReader { kColourProfile, kLibvips };
/// The first frame of any format, by libvips. AVIF comes upright. Embedded profiles are converted by ColourProfile, or
/// by libvips as picture sites do: that is further from the colours meant where they lie outside sRGB.
std::unique_ptr<PixelRows> open_vips_rows(std::span<const std::byte> file, ImageFormat format,
                                          ProfileReader profiles = ProfileReader::kColourProfile);

}  // namespace atelier

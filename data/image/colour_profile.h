// Embedded ICC profiles: pixels to sRGB, by Little CMS.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace atelier {

/// How a codec gives its pixels, 8 bits a channel.
enum class PixelLayout { kGrey, kRgba, kCmyk, kInvertedCmyk };

/// Perceptual intent, as viewers and Pillow do. One thread at a time.
class ColourProfile {
 public:
  /// Null if the profile is damaged or of another colour space: such profiles are ignored, as browsers do; and if it
  /// changes no colour by more than one level, as most embedded sRGB profiles.
  static std::unique_ptr<ColourProfile> read(std::span<const std::byte> icc, PixelLayout layout);
  ~ColourProfile();

  /// `count` pixels to RGBA; alpha is kept, 255 where there is none. `pixels` may be `rgba`.
  void to_srgb(const uint8_t* pixels, uint8_t* rgba, int32_t count) const;

 private:
  explicit ColourProfile(void* transform, bool writes_alpha) : transform_(transform), writes_alpha_(writes_alpha) {}

  void* transform_;
  bool writes_alpha_;
};

}  // namespace atelier

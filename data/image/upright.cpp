#include "data/image/upright.h"

#include <utility>

namespace atelier {
namespace {

constexpr int64_t kStoredChannels = 4;

/// Where upright pixel (x, y) lies in the stored picture: origin + x * per_x + y * per_y, in pixels.
struct Walk {
  int64_t origin, per_x, per_y;
};

/// EXIF 2.3, 4.6.4: which edges of the stored picture are the upright one's top and left. `w`, `h`: upright size.
Walk walk_of(int32_t orientation, int64_t w, int64_t h) {
  switch (orientation) {
    case 2: return {w - 1, -1, w};
    case 3: return {w * h - 1, -1, -w};
    case 4: return {(h - 1) * w, 1, -w};
    case 5: return {0, h, 1};
    case 6: return {(w - 1) * h, -h, 1};
    case 7: return {w * h - 1, -h, -1};
    case 8: return {h - 1, h, -1};
    default: return {0, 1, w};
  }
}

}  // namespace

Placement stored_placement(const Placement& upright, int32_t orientation) {
  Placement stored = upright;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  if (from_right) stored.crop_left = upright.resized_width - upright.crop_left - upright.width;
  if (from_bottom) stored.crop_top = upright.resized_height - upright.crop_top - upright.height;
  if (orientation >= 5) {
    std::swap(stored.resized_width, stored.resized_height);
    std::swap(stored.crop_left, stored.crop_top);
    std::swap(stored.width, stored.height);
  }
  return stored;
}

void copy_upright(std::span<const uint8_t> stored, int32_t orientation, const Placement& upright,
                  const PixelTarget& target) {
  Walk walk = walk_of(orientation, upright.width, upright.height);
  if (upright.flipped) walk = {walk.origin + (upright.width - 1) * walk.per_x, -walk.per_x, walk.per_y};
  uint8_t* rgb = target.rgb.data();
  uint8_t* alpha = target.alpha.data();
  for (int64_t y = 0; y < upright.height; ++y) {
    const uint8_t* from = stored.data() + (walk.origin + y * walk.per_y) * kStoredChannels;
    for (int32_t x = 0; x < upright.width; ++x, from += walk.per_x * kStoredChannels, rgb += 3) {
      rgb[0] = from[0];
      rgb[1] = from[1];
      rgb[2] = from[2];
      if (!target.alpha.empty()) *alpha++ = from[3];
    }
  }
}

}  // namespace atelier

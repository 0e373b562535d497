#include "data/image/upright.h"

#include <cstring>

namespace atelier {
namespace {

constexpr int64_t kChannels = 3;

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

void copy_upright(std::span<const uint8_t> stored, int32_t orientation, const Placement& placement,
                  std::span<uint8_t> out) {
  const Walk walk = walk_of(orientation, placement.resized_width, placement.resized_height);
  uint8_t* to = out.data();
  for (int64_t y = 0; y < placement.height; ++y) {
    const int64_t row = walk.origin + (placement.crop_top + y) * walk.per_y + placement.crop_left * walk.per_x;
    const uint8_t* from = stored.data() + row * kChannels;
    if (walk.per_x == 1) {
      std::memcpy(to, from, static_cast<size_t>(placement.width * kChannels));
      to += placement.width * kChannels;
      continue;
    }
    for (int32_t x = 0; x < placement.width; ++x, from += walk.per_x * kChannels, to += kChannels) {
      std::memcpy(to, from, kChannels);
    }
  }
}

}  // namespace atelier

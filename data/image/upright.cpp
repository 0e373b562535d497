#include "data/image/upright.h"

#include <cstring>
#include <utility>

namespace atelier {
namespace {

constexpr int64_t kStoredChannels = 4, kChannels = 3;

/// EXIF 2.3, 4.6.4: where the stored picture's left and upper edges are seen.
bool left_is_right(int32_t orientation) {
  return orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
}
bool upper_is_lower(int32_t orientation) {
  return orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
}
bool is_transposed(int32_t orientation) { return orientation >= 5; }

}  // namespace

Placement stored_placement(const Placement& upright, int32_t orientation) {
  Placement stored = upright;
  const bool from_right = left_is_right(orientation), from_below = upper_is_lower(orientation);
  if (from_right) stored.crop_left = upright.resized_width - upright.crop_left - upright.width;
  if (from_below) stored.crop_top = upright.resized_height - upright.crop_top - upright.height;
  if (is_transposed(orientation)) {
    std::swap(stored.resized_width, stored.resized_height);
    std::swap(stored.crop_left, stored.crop_top);
    std::swap(stored.width, stored.height);
  }
  return stored;
}

UprightWriter::UprightWriter(const Placement& upright, int32_t orientation, const PixelTarget& target)
    : target_(target), stored_width_(is_transposed(orientation) ? upright.height : upright.width) {
  const bool from_right = left_is_right(orientation) != upright.flipped, from_below = upper_is_lower(orientation);
  origin_ = (from_right ? upright.width - 1 : 0) + int64_t{from_below ? upright.height - 1 : 0} * upright.width;
  per_x_ = from_right ? -1 : 1;
  per_y_ = from_below ? -upright.width : upright.width;
  if (is_transposed(orientation)) std::swap(per_x_, per_y_);
}

void UprightWriter::write(int32_t line, const uint8_t* rgba) const {
  const int64_t first = origin_ + line * per_y_;
  if (per_x_ == 1 || per_x_ == -1) {
    write_level(first, rgba);
  } else {
    for (int32_t x = 0; x < stored_width_; ++x) {
      std::memcpy(target_.rgb.data() + (first + x * per_x_) * kChannels, rgba + x * kStoredChannels, kChannels);
    }
  }
  if (target_.alpha.empty()) return;
  for (int32_t x = 0; x < stored_width_; ++x) {
    target_.alpha[static_cast<size_t>(first + x * per_x_)] = rgba[x * kStoredChannels + 3];
  }
}

/// From the left to the right of the target: four bytes of each pixel, for three take longer, of which the next pixel
/// covers the last.
void UprightWriter::write_level(int64_t first, const uint8_t* rgba) const {
  const int64_t last = stored_width_ - 1;
  const int64_t step = per_x_ * kStoredChannels;
  const uint8_t* from = per_x_ > 0 ? rgba : rgba + last * kStoredChannels;
  uint8_t* to = target_.rgb.data() + (per_x_ > 0 ? first : first - last) * kChannels;
  for (int64_t x = 0; x < last; ++x, from += step, to += kChannels) std::memcpy(to, from, kStoredChannels);
  std::memcpy(to, from, kChannels);
}

}  // namespace atelier

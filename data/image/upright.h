// Stored pixels to upright ones.
#pragma once

#include <cstdint>
#include <span>

#include "data/image/decode.h"

namespace atelier {

/// The placement as the resize of the stored pixels sees it: EXIF orientations 5..8 exchange the sides.
Placement stored_placement(const Placement& upright, int32_t orientation);

/// Turns the placement's crop, and mirrors it if the placement says so, while it is written to the target.
class UprightWriter {
 public:
  /// `orientation`: EXIF's, of the lines to come.
  UprightWriter(const Placement& upright, int32_t orientation, const PixelTarget& target);
  /// Line `line` of the crop as it is stored: [width, 4] RGBA.
  void write(int32_t line, const uint8_t* rgba) const;

 private:
  void write_level(int64_t first, const uint8_t* rgba) const;

  PixelTarget target_;
  int32_t stored_width_;
  int64_t origin_, per_x_, per_y_;  // stored (x, y) is upright pixel origin + x * per_x + y * per_y
};

}  // namespace atelier

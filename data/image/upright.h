// Stored pixels to upright ones.
#pragma once

#include <cstdint>
#include <span>

#include "data/image/decode.h"

namespace atelier {

/// Copies placement's crop of the upright picture to `out` [height, width, 3]. `stored` holds the resized picture as it
/// lies in the file: resized_height x resized_width x 3, or the sides exchanged for EXIF orientations 5..8.
/// REQUIRES the crop to lie inside the resized picture.
void copy_upright(std::span<const uint8_t> stored, int32_t orientation, const Placement& placement,
                  std::span<uint8_t> out);

}  // namespace atelier

// Stored pixels to upright ones.
#pragma once

#include <cstdint>
#include <span>

#include "data/image/decode.h"

namespace atelier {

/// The placement as the resize of the stored pixels sees it: EXIF orientations 5..8 exchange the sides.
Placement stored_placement(const Placement& upright, int32_t orientation);

/// Turns (and mirrors, if the placement says so) its crop: from [height, width, 4] RGBA as stored to the target.
void copy_upright(std::span<const uint8_t> stored, int32_t orientation, const Placement& upright,
                  const PixelTarget& target);

}  // namespace atelier

// The one EXIF field that training needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace atelier {

/// Orientation (tag 0x0112 of IFD0) out of a TIFF structure, with or without "Exif\0\0" before it: 1..8. Absent or
/// malformed: 1, as viewers do.
int32_t exif_orientation(std::span<const std::byte> exif);

}  // namespace atelier

// Hashes of what a picture looks like: near pictures differ in few bits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "data/image/decode.h"

namespace atelier {

/// The first bit (upper left) is the highest of the first number: hex digits are those of the ImageHash package.
struct PerceptualHash {
  uint64_t difference = 0;                    // dHash: 8 x 8 neighbours of a 9 x 8 thumbnail, right brighter than left
  std::array<uint64_t, 4> fine_difference{};  // the same of 17 x 16
  uint64_t frequency = 0;                     // pHash: 8 x 8 lowest cosines of a 32 x 32 thumbnail, above their median
  std::array<uint64_t, 4> fine_frequency{};   // 16 x 16 lowest of 64 x 64
  float contrast = 0;                         // standard deviation of the 17 x 16 thumbnail, of 255 levels
  int32_t width = 0, height = 0;              // px, upright

  /// Plain surfaces and faint line art look alike to a hash: they are not to be compared.
  bool is_plain() const { return contrast < 8; }
};

/// Of the first frame, upright, alpha composited. Errors: DataError as decode_image().
PerceptualHash perceptual_hash(std::span<const std::byte> file, const DecodeOptions& options = {});

}  // namespace atelier

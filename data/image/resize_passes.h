// The arithmetic of a resize on several lines at once, compiled for several processors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/image/pixel_rows.h"

namespace atelier {

struct ResizeKernel;

constexpr int32_t kMixedLines = 4;  // made at once of lines above each other: they share most of their input
constexpr int32_t kBandLines = 16;  // resized across at once, side by side in vectors, whatever the planes hold

/// Lines as floats, one plane a channel.
struct ResizePlanes {
  ResizePlanes(PixelForm form, int32_t line_width)
      : count(form == PixelForm::kRgba ? 4 : 3), width(static_cast<size_t>(padded_width(line_width))) {}

  size_t values() const { return count * width; }  // of a line

  size_t count;  // R, G, B and perhaps alpha; or Y, Cb, Cr
  size_t width;  // px, padded
};

/// Input lines, [planes, width] each, that kMixedLines output lines are made of.
struct LineMix {
  std::vector<const float*> lines;
  std::vector<float> weights;  // [lines, kMixedLines]
};

/// All pointers to floats are aligned to 64 bytes. Fused products round some ten values in a million differently
/// between processors with and without them.
struct ResizePasses {
  /// A line of `width` px of the form to [planes, width padded].
  void (*split)(PixelForm form, const uint8_t* line, int32_t width, float* planes);
  /// Downwards: `values` (a multiple of 16) mixed values each into kMixedLines lanes of a band [values, kBandLines].
  void (*mix)(const LineMix& mix, size_t values, float* lanes);
  /// Across: a band, [planes, width, kBandLines], to RGBA lines, [kBandLines, stride] bytes, of which whole groups of
  /// 4 px are written.
  void (*across)(PixelForm form, const ResizeKernel& kernel, size_t width, const float* band, uint8_t* lines,
                 size_t stride);
};

/// For the processor this runs on.
const ResizePasses& resize_passes();

}  // namespace atelier

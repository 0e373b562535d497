// Resizes a picture that comes line by line, keeping no more lines than its kernel spans.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "data/image/pixel_rows.h"
#include "data/image/resize_passes.h"

namespace atelier {

/// One side of a resize: `wanted` samples from `first` on of the `resized` that `extent` px become.
struct ResizedSide {
  int32_t stored = 0;   // px given
  double extent = 0;    // px of them that the picture covers: a shrunk JPEG's last may be only part of one
  int32_t resized = 0;  // px
  int32_t first = 0, wanted = 0;
};

/// How every wanted sample is made of stored ones: Lanczos-3 stretched by the scale downwards, bicubic (a = -1/2)
/// upwards, as Pillow; samples lie in the middle of pixels, kernels are cut at the edges and normalised.
struct ResizeKernel {
  explicit ResizeKernel(const ResizedSide& side);

  int32_t end(int32_t sample) const { return begins[static_cast<size_t>(sample)] + taps; }

  int32_t taps = 0;             // stored samples that go into one
  std::vector<int32_t> begins;  // [wanted]
  std::vector<float> weights;   // [wanted, taps], sum 1 each
};

/// A vector's worth of values, where none crosses the lines of the processor's cache.
struct alignas(64) ResizeBlock {
  float values[16];
};

/// Downwards, kMixedLines at a time, into a band of kBandLines; the band then across.
class RowResizer {
 public:
  /// Takes a finished line, [width.wanted, 4], and its number among the wanted. Alpha is 255 unless the form has it.
  using Sink = std::function<void(int32_t line, const uint8_t* rgba)>;

  /// `form`: of the lines to come; kYcc becomes RGB after the resize.
  RowResizer(PixelForm form, const ResizedSide& width, const ResizedSide& height, Sink sink);

  /// The next line from above. REQUIRES fewer than height.stored calls before.
  void push(const uint8_t* line);

 private:
  float* ring_line(int32_t line);
  void mix_lines(int32_t first, int32_t count);
  void finish_band(int32_t first, int32_t count);

  PixelForm form_;
  int32_t stored_width_, out_height_;
  ResizePlanes planes_;
  ResizeKernel across_, down_;
  Sink sink_;
  int32_t ring_lines_;
  size_t finished_stride_;  // bytes
  int32_t lines_in_ = 0, lines_mixed_ = 0;
  std::vector<ResizeBlock> ring_;  // [ring_lines_, planes, width]
  std::vector<ResizeBlock> band_;  // [planes, width, kBandLines]: output lines, resized downwards only
  std::vector<uint8_t> finished_;  // [kBandLines, finished_stride_]
};

}  // namespace atelier

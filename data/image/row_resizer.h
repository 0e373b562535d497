// Resizes a picture that comes line by line, keeping no more lines than its kernel spans.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace atelier {

/// One side of a resize: `wanted` samples from `first` on of the `resized` that `extent` px become.
struct ResizedSide {
  int32_t stored = 0;   // px given
  double extent = 0;    // px of them that the picture covers: a shrunk JPEG's last may be only part of one
  int32_t resized = 0;  // px
  int32_t first = 0, wanted = 0;
};

/// Which stored samples make one, with which weights (sum 1).
struct ResizeTaps {
  int32_t begin = 0, count = 0;
  int32_t weights = 0;  // index of the first
};

/// The kernel of every wanted sample: Lanczos-3 stretched by the scale downwards, bicubic (a = -1/2) upwards, as
/// Pillow; samples lie in the middle of pixels and the edges' kernels are cut and normalised.
struct ResizeKernel {
  explicit ResizeKernel(const ResizedSide& side);

  std::vector<ResizeTaps> taps;
  std::vector<float> weights;
};

/// Four channels in, four out. The same on every processor: products and sums in one order, never fused.
class RowResizer {
 public:
  RowResizer(const ResizedSide& width, const ResizedSide& height);

  /// One line, [width.stored, 4], from above. REQUIRES fewer than height.stored calls before.
  void push(const uint8_t* rgba);
  /// [height.wanted, width.wanted, 4], after all lines.
  std::vector<uint8_t>& pixels() { return out_; }

 private:
  uint8_t* ring_line(int32_t line);
  void make_lines(int32_t first, int32_t count);

  int32_t stored_width_, out_width_, out_height_;
  ResizeKernel across_, down_;
  int32_t ring_lines_;
  int32_t lines_in_ = 0, lines_out_ = 0;
  std::vector<uint8_t> ring_;   // [ring_lines_, stored_width * 4], padded
  std::vector<float> columns_;  // [stored_width, 2, 4], padded: two output lines, resized downwards only
  std::vector<uint8_t> out_;
};

}  // namespace atelier

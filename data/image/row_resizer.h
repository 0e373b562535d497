// Resizes a picture that comes line by line, keeping no more lines than its kernel spans.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

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

/// Sixteen values, where vectors of the processor do not cross the lines of its cache.
struct alignas(64) ResizeBlock {
  float values[16];
};

class RowResizer {
 public:
  /// Takes a finished line, [width.wanted, 4], and its number among the wanted.
  using Sink = std::function<void(int32_t line, const uint8_t* rgba)>;

  RowResizer(const ResizedSide& width, const ResizedSide& height, Sink sink);

  /// The next line from above, [width.stored, 4]. REQUIRES fewer than height.stored calls before.
  void push(const uint8_t* rgba);

 private:
  float* ring_line(int32_t line);
  void make_lines(int32_t first, int32_t count);

  int32_t stored_width_, out_height_;
  ResizeKernel across_, down_;
  Sink sink_;
  int32_t ring_lines_;
  int32_t lines_in_ = 0, lines_out_ = 0;
  std::vector<ResizeBlock> ring_;     // [ring_lines_, stored_width * 4], padded
  std::vector<ResizeBlock> columns_;  // [stored_width, 4 lines, 4], padded: output lines, resized downwards only
  std::vector<uint8_t> finished_;     // [4 lines, width.wanted, 4]
};

}  // namespace atelier

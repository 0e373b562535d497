#include "data/image/row_resizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

namespace atelier {
namespace {

constexpr int32_t kChannels = 4;
constexpr int32_t kLines = 2;    // made at once: they share most of their input
constexpr int32_t kStride = 16;  // values that resizing downwards takes at once

// Vectors of the compiler; 32 bytes are two registers where the processor has only 16.
using Bytes8 [[gnu::vector_size(8)]] = uint8_t;
using Int8 [[gnu::vector_size(32)]] = int32_t;
using Float8 [[gnu::vector_size(32)]] = float;

double sinc(double x) {
  const double angle = std::numbers::pi * x;
  return x == 0 ? 1 : std::sin(angle) / angle;
}

double lanczos(double x) { return std::abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0; }

/// Keys 1981 with a = -1/2.
double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/// Input lines of the ring that two output lines are made of.
struct LineMix {
  std::vector<const uint8_t*> lines;
  std::vector<float> weights;  // [lines, kLines]
};

[[gnu::always_inline]] inline void load_floats(const uint8_t* from, Float8& out) {
  Bytes8 bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  out = __builtin_convertvector(__builtin_convertvector(bytes, Int8), Float8);
}

/// Downwards: `columns` [width, kLines, 4] from the mix of lines, `values` (a multiple of kStride) values each.
[[gnu::always_inline]] inline void mix_lines_body(const LineMix& mix, size_t values, float* columns) {
  const size_t count = mix.lines.size();
  for (size_t at = 0; at < values; at += kStride) {
    Float8 sums[kLines][2] = {};
    for (size_t i = 0; i < count; ++i) {
      Float8 pixels[2];
      load_floats(mix.lines[i] + at, pixels[0]);
      load_floats(mix.lines[i] + at + 8, pixels[1]);
      for (int line = 0; line < kLines; ++line) {
        const float weight = mix.weights[i * kLines + static_cast<size_t>(line)];
        sums[line][0] += pixels[0] * weight;
        sums[line][1] += pixels[1] * weight;
      }
    }
    for (int pixel = 0; pixel < kStride / kChannels; ++pixel) {
      for (int line = 0; line < kLines; ++line, columns += kChannels) {
        std::memcpy(columns, reinterpret_cast<const float*>(&sums[line][pixel / 2]) + pixel % 2 * kChannels,
                    kChannels * sizeof(float));
      }
    }
  }
}

/// Across: two output lines of bytes.
[[gnu::always_inline]] inline void resize_across_body(const ResizeKernel& kernel, const float* columns, uint8_t* upper,
                                                      uint8_t* lower) {
  for (const ResizeTaps& taps : kernel.taps) {
    const float* weights = kernel.weights.data() + taps.weights;
    const float* from = columns + static_cast<ptrdiff_t>(taps.begin) * kLines * kChannels;
    Float8 sum = {};
    for (int32_t i = 0; i < taps.count; ++i, from += kLines * kChannels) {
      Float8 pixels;
      std::memcpy(&pixels, from, sizeof pixels);
      sum += pixels * weights[i];
    }
    sum += 0.5f;
    sum = sum > 0.0f ? sum : Float8{};
    const Float8 most = Float8{} + 255.0f;
    sum = sum < most ? sum : most;
    const Bytes8 bytes = __builtin_convertvector(__builtin_convertvector(sum, Int8), Bytes8);
    std::memcpy(upper, &bytes, kChannels);
    std::memcpy(lower, reinterpret_cast<const uint8_t*>(&bytes) + kChannels, kChannels);
    upper += kChannels;
    lower += kChannels;
  }
}

// Compiled twice where AVX2 may be found at run time. Without FMA: the same bits either way.
void mix_lines_plain(const LineMix& mix, size_t values, float* columns) { mix_lines_body(mix, values, columns); }
void resize_across_plain(const ResizeKernel& kernel, const float* columns, uint8_t* upper, uint8_t* lower) {
  resize_across_body(kernel, columns, upper, lower);
}
#if defined(__x86_64__)
[[gnu::target("avx2")]] void mix_lines_avx2(const LineMix& mix, size_t values, float* columns) {
  mix_lines_body(mix, values, columns);
}
[[gnu::target("avx2")]] void resize_across_avx2(const ResizeKernel& kernel, const float* columns, uint8_t* upper,
                                                uint8_t* lower) {
  resize_across_body(kernel, columns, upper, lower);
}
const bool kAvx2 = __builtin_cpu_supports("avx2");
const auto mix_lines = kAvx2 ? mix_lines_avx2 : mix_lines_plain;
const auto resize_across = kAvx2 ? resize_across_avx2 : resize_across_plain;
#else
const auto mix_lines = mix_lines_plain;
const auto resize_across = resize_across_plain;
#endif

size_t padded_values(int32_t width) {
  return (static_cast<size_t>(width) * kChannels + kStride - 1) / kStride * kStride;
}

/// Lines that must be there at once for any two neighbouring outputs.
int32_t lines_of_two(const ResizeKernel& kernel) {
  int32_t most = 0;
  for (size_t i = 0; i < kernel.taps.size(); ++i) {
    const ResizeTaps& last = kernel.taps[std::min(i + 1, kernel.taps.size() - 1)];
    most = std::max(most, last.begin + last.count - kernel.taps[i].begin);
  }
  return most;
}

}  // namespace

ResizeKernel::ResizeKernel(const ResizedSide& side) {
  const double scale = side.extent / side.resized;
  const double stretch = std::max(scale, 1.0);
  const auto filter = scale > 1 ? lanczos : bicubic;
  const double reach = (scale > 1 ? 3 : 2) * stretch;
  for (int32_t i = side.first; i < side.first + side.wanted; ++i) {
    const double centre = (i + 0.5) * scale;
    if (scale == 1) {
      taps.push_back({i, 1, static_cast<int32_t>(weights.size())});
      weights.push_back(1);
      continue;
    }
    const auto begin = std::max(0, static_cast<int32_t>(centre - reach + 0.5));
    const auto end = std::min(side.stored, static_cast<int32_t>(centre + reach + 0.5));
    std::vector<double> own;
    double sum = 0;
    for (int32_t at = begin; at < end; ++at) sum += own.emplace_back(filter((at + 0.5 - centre) / stretch));
    taps.push_back({begin, end - begin, static_cast<int32_t>(weights.size())});
    for (const double weight : own) weights.push_back(static_cast<float>(weight / sum));
  }
}

RowResizer::RowResizer(const ResizedSide& width, const ResizedSide& height)
    : stored_width_(width.stored),
      out_width_(width.wanted),
      out_height_(height.wanted),
      across_(width),
      down_(height),
      ring_lines_(lines_of_two(down_)),
      ring_(static_cast<size_t>(ring_lines_) * padded_values(stored_width_)),
      columns_(padded_values(stored_width_) * kLines),
      out_(static_cast<size_t>(out_width_) * static_cast<size_t>(out_height_) * kChannels) {}

void RowResizer::push(const uint8_t* rgba) {
  std::memcpy(ring_line(lines_in_), rgba, static_cast<size_t>(stored_width_) * kChannels);
  ++lines_in_;
  while (lines_out_ < out_height_) {
    const int32_t count = std::min(kLines, out_height_ - lines_out_);
    const ResizeTaps& last = down_.taps[static_cast<size_t>(lines_out_ + count - 1)];
    if (last.begin + last.count > lines_in_) return;
    make_lines(lines_out_, count);
    lines_out_ += count;
  }
}

uint8_t* RowResizer::ring_line(int32_t line) {
  return ring_.data() + static_cast<size_t>(line % ring_lines_) * padded_values(stored_width_);
}

void RowResizer::make_lines(int32_t first, int32_t count) {
  LineMix mix;
  const int32_t begin = down_.taps[static_cast<size_t>(first)].begin;
  for (int32_t i = first; i < first + count; ++i) {
    const ResizeTaps& taps = down_.taps[static_cast<size_t>(i)];
    for (int32_t t = 0; t < taps.count; ++t) {
      const auto at = static_cast<size_t>(taps.begin + t - begin);
      while (mix.lines.size() <= at) {
        mix.lines.push_back(ring_line(begin + static_cast<int32_t>(mix.lines.size())));
        mix.weights.insert(mix.weights.end(), kLines, 0.0f);
      }
      mix.weights[at * kLines + static_cast<size_t>(i - first)] = down_.weights[static_cast<size_t>(taps.weights + t)];
    }
  }
  const size_t line_bytes = static_cast<size_t>(out_width_) * kChannels;
  uint8_t* upper = out_.data() + static_cast<size_t>(first) * line_bytes;
  mix_lines(mix, padded_values(stored_width_), columns_.data());
  std::vector<uint8_t> unused(count == kLines ? 0 : line_bytes);  // beside an odd last line
  resize_across(across_, columns_.data(), upper, count == kLines ? upper + line_bytes : unused.data());
}

}  // namespace atelier

#include "data/image/row_resizer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <numbers>
#include <utility>

namespace atelier {
namespace {

constexpr int32_t kChannels = 4;
constexpr int32_t kLines = 4;   // made at once: they share most of their input
constexpr size_t kStride = 16;  // values that resizing downwards takes at once

// Vectors of the compiler, in several registers where the processor's are shorter. Bytes are widened and narrowed by
// shuffles: the compiler's own conversions go through one value at a time.
using Bytes16 [[gnu::vector_size(16)]] = uint8_t;
using Bytes32 [[gnu::vector_size(32)]] = uint8_t;
using Words8 [[gnu::vector_size(16)]] = uint16_t;
using Ints4 [[gnu::vector_size(16)]] = int32_t;
using Ints8 [[gnu::vector_size(32)]] = int32_t;
using Floats4 [[gnu::vector_size(16)]] = float;
using Floats8 [[gnu::vector_size(32)]] = float;
using Floats16 [[gnu::vector_size(64)]] = float;

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

/// Input lines of the ring that kLines output lines are made of.
struct LineMix {
  std::vector<const float*> lines;
  std::vector<float> weights;  // [lines, kLines]
};

/// `count` bytes as floats; `to` has place for a multiple of kStride.
void widen(const uint8_t* from, size_t count, float* to) {
  constexpr Bytes16 zero = {};
  for (size_t at = 0; at < count; at += kStride, to += kStride) {
    Bytes16 bytes = {};
    if (count - at >= kStride) {
      std::memcpy(&bytes, from + at, kStride);
    } else {
      std::memcpy(&bytes, from + at, count - at);
    }
    const auto low =
        (Words8)__builtin_shufflevector(bytes, zero, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const auto high =
        (Words8)__builtin_shufflevector(bytes, zero, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    constexpr Words8 none = {};
    const auto a = (Ints4)__builtin_shufflevector(low, none, 0, 8, 1, 9, 2, 10, 3, 11);
    const auto b = (Ints4)__builtin_shufflevector(low, none, 4, 12, 5, 13, 6, 14, 7, 15);
    const auto c = (Ints4)__builtin_shufflevector(high, none, 0, 8, 1, 9, 2, 10, 3, 11);
    const auto d = (Ints4)__builtin_shufflevector(high, none, 4, 12, 5, 13, 6, 14, 7, 15);
    const Floats4 floats[] = {__builtin_convertvector(a, Floats4), __builtin_convertvector(b, Floats4),
                              __builtin_convertvector(c, Floats4), __builtin_convertvector(d, Floats4)};
    std::memcpy(to, floats, sizeof floats);
  }
}

/// Downwards: `columns` [width, kLines, 4] from the mix of lines, `values` (a multiple of kStride) values each.
[[gnu::always_inline]] inline void mix_lines_body(const LineMix& mix, size_t values, float* columns) {
  const size_t count = mix.lines.size();
  const float* const* lines = mix.lines.data();
  for (size_t at = 0; at < values; at += kStride) {
    Floats16 first = {}, second = {}, third = {}, fourth = {};
    const float* weights = mix.weights.data();
    for (size_t i = 0; i < count; ++i, weights += kLines) {
      Floats16 pixels;
      std::memcpy(&pixels, lines[i] + at, sizeof pixels);
      first += pixels * weights[0];
      second += pixels * weights[1];
      third += pixels * weights[2];
      fourth += pixels * weights[3];
    }
    const auto put = [&columns](const Floats4 pixel) {
      std::memcpy(columns, &pixel, sizeof pixel);
      columns += kChannels;
    };
    const std::array all = {&first, &second, &third, &fourth};
    for (const Floats16* of : all) put(__builtin_shufflevector(*of, *of, 0, 1, 2, 3));
    for (const Floats16* of : all) put(__builtin_shufflevector(*of, *of, 4, 5, 6, 7));
    for (const Floats16* of : all) put(__builtin_shufflevector(*of, *of, 8, 9, 10, 11));
    for (const Floats16* of : all) put(__builtin_shufflevector(*of, *of, 12, 13, 14, 15));
  }
}

/// The bytes of two pixels that are nearest to their values.
[[gnu::always_inline]] inline void put_bytes(const Floats8& of, uint8_t* upper, uint8_t* lower) {
  constexpr Floats8 zero = {}, most = zero + 255.0f;
  Floats8 values = of + 0.5f;
  values = values > zero ? values : zero;
  values = values < most ? values : most;
  const auto bytes = (Bytes32) __builtin_convertvector(values, Ints8);
  constexpr Bytes32 lowest = {0,  4,  8,  12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                              16, 20, 24, 28, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const Bytes32 packed = __builtin_shuffle(bytes, lowest);
  std::memcpy(upper, &packed, kChannels);
  std::memcpy(lower, reinterpret_cast<const uint8_t*>(&packed) + 16, kChannels);
}

/// Across: `lines` [kLines, wanted, 4] of bytes.
[[gnu::always_inline]] inline void resize_across_body(const ResizeKernel& kernel, const float* columns,
                                                      uint8_t* lines) {
  const size_t line = kernel.begins.size() * kChannels;
  const float* weights = kernel.weights.data();
  for (const int32_t begin : kernel.begins) {
    const float* from = columns + static_cast<std::ptrdiff_t>(begin) * kLines * kChannels;
    Floats16 sum = {};
    for (int32_t i = 0; i < kernel.taps; ++i, from += kLines * kChannels) {
      Floats16 pixels;
      std::memcpy(&pixels, from, sizeof pixels);
      sum += pixels * *weights++;
    }
    put_bytes(__builtin_shufflevector(sum, sum, 0, 1, 2, 3, 4, 5, 6, 7), lines, lines + line);
    put_bytes(__builtin_shufflevector(sum, sum, 8, 9, 10, 11, 12, 13, 14, 15), lines + 2 * line, lines + 3 * line);
    lines += kChannels;
  }
}

/// The two passes, compiled for several processors; the best is chosen at run time. Fused products may round a value in
/// a million differently.
struct Passes {
  void (*mix_lines)(const LineMix& mix, size_t values, float* columns);
  void (*resize_across)(const ResizeKernel& kernel, const float* columns, uint8_t* lines);
};

#define ATELIER_RESIZE_PASSES(NAME, TARGET)                                                            \
  TARGET void mix_lines_##NAME(const LineMix& mix, size_t values, float* columns) {                    \
    mix_lines_body(mix, values, columns);                                                              \
  }                                                                                                    \
  TARGET void resize_across_##NAME(const ResizeKernel& kernel, const float* columns, uint8_t* lines) { \
    resize_across_body(kernel, columns, lines);                                                        \
  }                                                                                                    \
  constexpr Passes k_##NAME{mix_lines_##NAME, resize_across_##NAME};

ATELIER_RESIZE_PASSES(plain, )
#if defined(__x86_64__)
ATELIER_RESIZE_PASSES(avx2, [[gnu::target("avx2,fma")]])
ATELIER_RESIZE_PASSES(avx512, [[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,fma")]])
#endif
#undef ATELIER_RESIZE_PASSES

Passes best_passes() {
#if defined(__x86_64__)
  const bool has_fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if (has_fma && has_avx512) return k_avx512;
  if (has_fma) return k_avx2;
#endif
  return k_plain;
}

const Passes kPasses = best_passes();

/// That hold a line.
size_t blocks_of(int32_t width) { return (static_cast<size_t>(width) * kChannels + kStride - 1) / kStride; }

/// Lines that must be there at once for any kLines neighbouring outputs.
int32_t lines_at_once(const ResizeKernel& kernel, int32_t outputs) {
  int32_t most = 0;
  for (int32_t i = 0; i < outputs; ++i) {
    most = std::max(most, kernel.end(std::min(i + kLines, outputs) - 1) - kernel.begins[static_cast<size_t>(i)]);
  }
  return most;
}

}  // namespace

ResizeKernel::ResizeKernel(const ResizedSide& side) {
  const double scale = side.extent / side.resized;
  const double stretch = std::max(scale, 1.0);
  const auto filter = scale > 1 ? lanczos : bicubic;
  const double reach = scale == 1 ? 0.5 : (scale > 1 ? 3 : 2) * stretch;
  taps = std::min(side.stored, static_cast<int32_t>(std::ceil(2 * reach)) + (scale == 1 ? 0 : 1));
  for (int32_t i = side.first; i < side.first + side.wanted; ++i) {
    const double centre = (i + 0.5) * scale;
    const auto begin = std::max(0, static_cast<int32_t>(centre - reach + 0.5));
    const auto end = std::min(side.stored, static_cast<int32_t>(centre + reach + 0.5));
    const int32_t shifted = std::min(begin, side.stored - taps);  // all have as many taps, those outside weigh nothing
    std::vector<double> own(static_cast<size_t>(taps));
    double sum = 0;
    for (int32_t at = begin; at < end; ++at) {
      sum += own[static_cast<size_t>(at - shifted)] = scale == 1 ? 1 : filter((at + 0.5 - centre) / stretch);
    }
    begins.push_back(shifted);
    for (const double weight : own) weights.push_back(static_cast<float>(weight / sum));
  }
}

RowResizer::RowResizer(const ResizedSide& width, const ResizedSide& height, Sink sink)
    : stored_width_(width.stored),
      out_height_(height.wanted),
      across_(width),
      down_(height),
      sink_(std::move(sink)),
      ring_lines_(lines_at_once(down_, out_height_)),
      ring_(static_cast<size_t>(ring_lines_) * blocks_of(stored_width_)),
      columns_(blocks_of(stored_width_) * kLines),
      finished_(static_cast<size_t>(width.wanted) * kLines * kChannels) {}

void RowResizer::push(const uint8_t* rgba) {
  widen(rgba, static_cast<size_t>(stored_width_) * kChannels, ring_line(lines_in_++));
  while (lines_out_ < out_height_) {
    const int32_t count = std::min(kLines, out_height_ - lines_out_);
    if (down_.end(lines_out_ + count - 1) > lines_in_) return;
    make_lines(lines_out_, count);
    lines_out_ += count;
  }
}

float* RowResizer::ring_line(int32_t line) {
  return ring_[static_cast<size_t>(line % ring_lines_) * blocks_of(stored_width_)].values;
}

void RowResizer::make_lines(int32_t first, int32_t count) {
  const int32_t begin = down_.begins[static_cast<size_t>(first)];
  LineMix mix;
  for (int32_t line = begin; line < down_.end(first + count - 1); ++line) mix.lines.push_back(ring_line(line));
  mix.weights.resize(mix.lines.size() * kLines);
  for (int32_t i = 0; i < count; ++i) {
    const auto sample = static_cast<size_t>(first + i);
    for (int32_t tap = 0; tap < down_.taps; ++tap) {
      const auto line = static_cast<size_t>(down_.begins[sample] - begin + tap);
      mix.weights[line * kLines + static_cast<size_t>(i)] =
          down_.weights[sample * static_cast<size_t>(down_.taps) + static_cast<size_t>(tap)];
    }
  }
  kPasses.mix_lines(mix, blocks_of(stored_width_) * kStride, columns_[0].values);
  kPasses.resize_across(across_, columns_[0].values, finished_.data());
  const size_t line_bytes = finished_.size() / kLines;
  for (int32_t i = 0; i < count; ++i) sink_(first + i, finished_.data() + static_cast<size_t>(i) * line_bytes);
}

}  // namespace atelier

#include "data/image/resize_passes.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "data/image/row_resizer.h"

namespace atelier {
namespace {

// Vectors of the compiler, as long as the processor's: longer ones it takes apart value by value in shuffles. They go
// by reference: how they are passed by value depends on the processor. Short loops over them are unrolled, or they
// would live in memory.
using Floats4 [[gnu::vector_size(16)]] = float;
template <int kLanes>
struct Vector {
  using Floats [[gnu::vector_size(kLanes * 4)]] = float;
  using Ints [[gnu::vector_size(kLanes * 4)]] = int32_t;
};
template <typename Floats>
constexpr int kLanesOf = sizeof(Floats) / sizeof(float);

template <typename Floats>
[[gnu::always_inline]] inline void load(const float* from, Floats& to) {
  std::memcpy(&to, from, sizeof to);
}

/// In blocks of 16, so that the compiler makes vectors of the loop.
[[gnu::always_inline]] inline void widen(const uint8_t* __restrict bytes, size_t blocks, float* __restrict values) {
  for (size_t i = 0; i < blocks * 16; ++i) values[i] = bytes[i];
}

/// The byte at bit `shift` of every pixel.
template <int kLanes>
[[gnu::always_inline]] inline void take_channel(const uint8_t* rgba, size_t count, int shift, float* values) {
  typename Vector<kLanes>::Ints pixels;
  size_t at = 0;
  for (; at + kLanes <= count; at += kLanes) {
    std::memcpy(&pixels, rgba + 4 * at, sizeof pixels);
    const auto channel = __builtin_convertvector((pixels >> shift) & 0xFF, typename Vector<kLanes>::Floats);
    std::memcpy(values + at, &channel, sizeof channel);
  }
  for (; at < count; ++at) values[at] = rgba[4 * at + static_cast<size_t>(shift) / 8];
}

template <int kLanes>
[[gnu::always_inline]] inline void split_body(PixelForm form, const uint8_t* line, int32_t width, float* values) {
  const ResizePlanes planes(form, width);
  if (form == PixelForm::kYcc) return widen(line, planes.values() / 16, values);
  for (size_t c = 0; c < planes.count; ++c, values += planes.width) {
    take_channel<kLanes>(line, static_cast<size_t>(width), static_cast<int>(8 * c), values);
  }
}

/// The values of `a` and `b` in turns, of the lower or (kHalf = 1) upper half of every four lanes; kRun at a time.
template <int kRun, int kHalf, typename Floats, int... kLane>
[[gnu::always_inline]] inline void interleave(const Floats& a, const Floats& b, Floats& to,
                                              std::integer_sequence<int, kLane...>) {
  to = __builtin_shufflevector(a, b,
                               (kLane / 4 * 4 + 2 * kHalf + (kRun == 1 ? kLane % 4 / 2 : kLane % 2) +
                                (kRun == 1 ? kLane % 2 : kLane % 4 / 2) * kLanesOf<Floats>)...);
}

template <int kFirst, typename Floats>
[[gnu::always_inline]] inline void store_lanes(const Floats (&rows)[4], std::byte* to, size_t stride) {
  if constexpr (kFirst < kLanesOf<Floats>) {
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; ++i) {
      const Floats4 row = __builtin_shufflevector(rows[i], rows[i], kFirst, kFirst + 1, kFirst + 2, kFirst + 3);
      std::memcpy(to + (kFirst + i) * stride, &row, sizeof row);
    }
  }
}

/// The vectors are the columns of a [lanes, 4] matrix; its rows are written `stride` bytes from each other.
template <typename Floats>
[[gnu::always_inline]] inline void store_rows(const Floats (&columns)[4], std::byte* to, size_t stride) {
  constexpr std::make_integer_sequence<int, kLanesOf<Floats>> lanes;
  Floats pairs[4], rows[4];
  interleave<1, 0>(columns[0], columns[1], pairs[0], lanes);
  interleave<1, 1>(columns[0], columns[1], pairs[1], lanes);
  interleave<1, 0>(columns[2], columns[3], pairs[2], lanes);
  interleave<1, 1>(columns[2], columns[3], pairs[3], lanes);
  interleave<2, 0>(pairs[0], pairs[2], rows[0], lanes);
  interleave<2, 1>(pairs[0], pairs[2], rows[1], lanes);
  interleave<2, 0>(pairs[1], pairs[3], rows[2], lanes);
  interleave<2, 1>(pairs[1], pairs[3], rows[3], lanes);
  store_lanes<0>(rows, to, stride);
  store_lanes<4>(rows, to, stride);
  store_lanes<8>(rows, to, stride);
  store_lanes<12>(rows, to, stride);
}

template <int kLanes>
[[gnu::always_inline]] inline void mix_body(const LineMix& mix, size_t values, float* lanes) {
  static_assert(kMixedLines == 4);
  const size_t count = mix.lines.size();
  const float* const* lines = mix.lines.data();
  for (size_t at = 0; at < values; at += kLanes, lanes += kLanes * kBandLines) {
    typename Vector<kLanes>::Floats mixed[kMixedLines] = {}, pixels;
    const float* weights = mix.weights.data();
    for (size_t i = 0; i < count; ++i, weights += kMixedLines) {
      load(lines[i] + at, pixels);
#pragma GCC unroll 4
      for (int32_t line = 0; line < kMixedLines; ++line) mixed[line] += pixels * weights[line];
    }
    store_rows(mixed, reinterpret_cast<std::byte*>(lanes), kBandLines * sizeof(float));
  }
}

/// JFIF 1.02: Y, Cb, Cr of 0..255 to R, G, B.
template <typename Floats>
[[gnu::always_inline]] inline void ycc_to_rgb(Floats (&planes)[3]) {
  const Floats y = planes[0], cb = planes[1] - 128.0f, cr = planes[2] - 128.0f;
  planes[0] = y + 1.402f * cr;
  planes[1] = y - 0.344136f * cb - 0.714136f * cr;
  planes[2] = y + 1.772f * cb;
}

/// To the nearest of 0..255, shifted to its place in a pixel.
template <typename Floats, typename Ints>
[[gnu::always_inline]] inline void add_byte(const Floats& of, int shift, Ints& pixels) {
  constexpr Floats zero = {}, most = zero + 255.0f;
  Floats values = of + 0.5f;
  values = values > zero ? values : zero;
  values = values < most ? values : most;
  pixels |= __builtin_convertvector(values, Ints) << shift;
}

/// Pixel `sample` of as many lines as `rgba` has lanes, the first of them at `band`.
template <PixelForm form, typename Floats>
[[gnu::always_inline]] inline void make_pixels(const ResizeKernel& kernel, size_t sample, const float* band,
                                               size_t plane, Floats& rgba) {
  constexpr size_t kPlanes = form == PixelForm::kRgba ? 4 : 3;
  const auto taps = static_cast<size_t>(kernel.taps);
  const float* weights = kernel.weights.data() + sample * taps;
  const float* from = band + static_cast<size_t>(kernel.begins[sample]) * kBandLines;
  Floats sums[kPlanes] = {}, values;
  for (size_t tap = 0; tap < taps; ++tap, from += kBandLines) {
#pragma GCC unroll 4
    for (size_t p = 0; p < kPlanes; ++p) {
      load(from + p * plane, values);
      sums[p] += values * weights[tap];
    }
  }
  if constexpr (form == PixelForm::kYcc) ycc_to_rgb(sums);
  typename Vector<kLanesOf<Floats>>::Ints pixels = {};
#pragma GCC unroll 4
  for (size_t p = 0; p < kPlanes; ++p) add_byte(sums[p], static_cast<int>(8 * p), pixels);
  if constexpr (kPlanes == 3) pixels |= 0xFF << 24;
  std::memcpy(&rgba, &pixels, sizeof rgba);
}

/// Four pixels of every line at a time, which then are 16 bytes in a row.
template <PixelForm form, int kLanes>
[[gnu::always_inline]] inline void across_of_form(const ResizeKernel& kernel, size_t plane, const float* band,
                                                  uint8_t* lines, size_t stride) {
  const size_t samples = kernel.begins.size();
  for (size_t first = 0; first < samples; first += 4, lines += 4 * 4) {
    for (size_t line = 0; line < kBandLines; line += kLanes) {
      typename Vector<kLanes>::Floats pixels[4];
#pragma GCC unroll 4
      for (size_t i = 0; i < 4; ++i) {
        make_pixels<form>(kernel, std::min(first + i, samples - 1), band + line, plane, pixels[i]);
      }
      store_rows(pixels, reinterpret_cast<std::byte*>(lines + line * stride), stride);
    }
  }
}

template <int kLanes>
[[gnu::always_inline]] inline void across_body(PixelForm form, const ResizeKernel& kernel, size_t width,
                                               const float* band, uint8_t* lines, size_t stride) {
  const size_t plane = width * kBandLines;
  switch (form) {
    case PixelForm::kRgba: return across_of_form<PixelForm::kRgba, kLanes>(kernel, plane, band, lines, stride);
    case PixelForm::kRgbx: return across_of_form<PixelForm::kRgbx, kLanes>(kernel, plane, band, lines, stride);
    case PixelForm::kYcc: return across_of_form<PixelForm::kYcc, kLanes>(kernel, plane, band, lines, stride);
  }
}

#define ATELIER_RESIZE_PASSES(NAME, LANES, TARGET)                                                                 \
  TARGET void split_##NAME(PixelForm form, const uint8_t* line, int32_t width, float* planes) {                    \
    split_body<LANES>(form, line, width, planes);                                                                  \
  }                                                                                                                \
  TARGET void mix_##NAME(const LineMix& mix, size_t values, float* lanes) { mix_body<LANES>(mix, values, lanes); } \
  TARGET void across_##NAME(PixelForm form, const ResizeKernel& kernel, size_t width, const float* band,           \
                            uint8_t* lines, size_t stride) {                                                       \
    across_body<LANES>(form, kernel, width, band, lines, stride);                                                  \
  }                                                                                                                \
  constexpr ResizePasses k_##NAME{split_##NAME, mix_##NAME, across_##NAME};

ATELIER_RESIZE_PASSES(plain, 4, )
#if defined(__x86_64__)
ATELIER_RESIZE_PASSES(avx2, 8, [[gnu::target("avx2,fma")]])
ATELIER_RESIZE_PASSES(avx512, 16, [[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,fma")]])
#endif
#undef ATELIER_RESIZE_PASSES

const ResizePasses& best_passes() {
#if defined(__x86_64__)
  const bool has_fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if (has_fma && has_avx512) return k_avx512;
  if (has_fma) return k_avx2;
#endif
  return k_plain;
}

}  // namespace

const ResizePasses& resize_passes() {
  static const ResizePasses& passes = best_passes();
  return passes;
}

}  // namespace atelier

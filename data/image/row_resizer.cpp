#include "data/image/row_resizer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <utility>

namespace atelier {
namespace {

constexpr size_t kBlock = sizeof(ResizeBlock) / sizeof(float);

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

/// Lines that must be there at once for any kMixedLines neighbouring outputs.
int32_t lines_at_once(const ResizeKernel& kernel, int32_t outputs) {
  int32_t most = 0;
  for (int32_t i = 0; i < outputs; ++i) {
    most = std::max(most, kernel.end(std::min(i + kMixedLines, outputs) - 1) - kernel.begins[static_cast<size_t>(i)]);
  }
  return most;
}

/// Bytes of a finished line: whole groups of 4 px, and a little more so that the lines of a band, written in turns, do
/// not all fall upon the same few places of the cache.
size_t stride_of(int32_t wanted) { return static_cast<size_t>(wanted + 3) / 4 * 16 + 64; }

}  // namespace

ResizeKernel::ResizeKernel(const ResizedSide& side) {
  const double scale = side.extent / side.resized;
  const double stretch = std::max(scale, 1.0);
  const auto filter = scale > 1 ? lanczos : bicubic;
  const double reach = scale == 1 ? 0.5 : (scale > 1 ? 3 : 2) * stretch;
  const auto begin_of = [&](double centre) { return std::max(0, static_cast<int32_t>(centre - reach + 0.5)); };
  const auto end_of = [&](double centre) { return std::min(side.stored, static_cast<int32_t>(centre + reach + 0.5)); };
  const auto centre_of = [&](int32_t sample) { return (sample + 0.5) * scale; };
  for (int32_t i = side.first; i < side.first + side.wanted; ++i) {
    taps = std::max(taps, end_of(centre_of(i)) - begin_of(centre_of(i)));
  }
  for (int32_t i = side.first; i < side.first + side.wanted; ++i) {
    const double centre = centre_of(i);
    const int32_t begin = begin_of(centre), end = end_of(centre);
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

RowResizer::RowResizer(PixelForm form, const ResizedSide& width, const ResizedSide& height, Sink sink)
    : form_(form),
      stored_width_(width.stored),
      out_height_(height.wanted),
      planes_(form, width.stored),
      across_(width),
      down_(height),
      sink_(std::move(sink)),
      ring_lines_(lines_at_once(down_, out_height_)),
      finished_stride_(stride_of(width.wanted)),
      ring_(static_cast<size_t>(ring_lines_) * planes_.values() / kBlock),
      band_(planes_.values() * kBandLines / kBlock),
      finished_(kBandLines * finished_stride_) {}

void RowResizer::push(const uint8_t* line) {
  resize_passes().split(form_, line, stored_width_, ring_line(lines_in_++));
  while (lines_mixed_ < out_height_) {
    const int32_t count = std::min(kMixedLines, out_height_ - lines_mixed_);
    if (down_.end(lines_mixed_ + count - 1) > lines_in_) return;
    mix_lines(lines_mixed_, count);
    const int32_t band = lines_mixed_ / kBandLines * kBandLines;
    lines_mixed_ += count;
    if (lines_mixed_ % kBandLines == 0 || lines_mixed_ == out_height_) finish_band(band, lines_mixed_ - band);
  }
}

float* RowResizer::ring_line(int32_t line) {
  return ring_[static_cast<size_t>(line % ring_lines_) * planes_.values() / kBlock].values;
}

void RowResizer::mix_lines(int32_t first, int32_t count) {
  const int32_t begin = down_.begins[static_cast<size_t>(first)];
  LineMix mix;
  for (int32_t line = begin; line < down_.end(first + count - 1); ++line) mix.lines.push_back(ring_line(line));
  mix.weights.resize(mix.lines.size() * kMixedLines);
  for (int32_t i = 0; i < count; ++i) {
    const auto sample = static_cast<size_t>(first + i);
    for (int32_t tap = 0; tap < down_.taps; ++tap) {
      const auto line = static_cast<size_t>(down_.begins[sample] - begin + tap);
      mix.weights[line * kMixedLines + static_cast<size_t>(i)] =
          down_.weights[sample * static_cast<size_t>(down_.taps) + static_cast<size_t>(tap)];
    }
  }
  resize_passes().mix(mix, planes_.values(), band_[0].values + first % kBandLines);
}

void RowResizer::finish_band(int32_t first, int32_t count) {
  resize_passes().across(form_, across_, planes_.width, band_[0].values, finished_.data(), finished_stride_);
  for (int32_t i = 0; i < count; ++i) {
    sink_(first + i, finished_.data() + static_cast<size_t>(i) * finished_stride_);
  }
}

}  // namespace atelier

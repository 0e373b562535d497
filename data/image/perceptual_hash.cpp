#include "data/image/perceptual_hash.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "data/image/image_info.h"
#include "data/image/row_resizer.h"

namespace atelier {
namespace {

constexpr int32_t kSide = 256;  // px: what all thumbnails are made from
constexpr double kRoundingError = 1e-6;

struct Grey {
  int32_t width = 0, height = 0;
  std::vector<double> values;  // [height, width]

  size_t index(int32_t x, int32_t y) const { return static_cast<size_t>(y * width + x); }
  double at(int32_t x, int32_t y) const { return values[index(x, y)]; }
  double& at(int32_t x, int32_t y) { return values[index(x, y)]; }
};

Grey make_grey(int32_t width, int32_t height) {
  return {width, height, std::vector<double>(static_cast<size_t>(width) * static_cast<size_t>(height))};
}

/// Levels of ITU-R BT.601, rounded as Pillow does.
Grey to_grey(const Picture& picture) {
  Grey grey = make_grey(picture.width, picture.height);
  for (size_t i = 0; i < grey.values.size(); ++i) {
    const uint8_t* rgb = picture.rgb.data() + 3 * i;
    grey.values[i] = (19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 0x8000) >> 16;
  }
  return grey;
}

ResizeKernel kernel_of(int32_t from, int32_t to) { return ResizeKernel({from, double(from), to, 0, to}); }

double whole_level(double value) { return std::clamp(std::floor(value + 0.5), 0.0, 255.0); }

/// Rounded to whole levels after each side, as Pillow does: differences smaller than that are none.
Grey thumbnail(const Grey& from, int32_t width, int32_t height) {
  const ResizeKernel across = kernel_of(from.width, width), down = kernel_of(from.height, height);
  Grey narrow = make_grey(width, from.height), out = make_grey(width, height);
  for (int32_t y = 0; y < from.height; ++y) {
    for (int32_t x = 0; x < width; ++x) {
      for (int32_t t = 0; t < across.taps; ++t) {
        narrow.at(x, y) += across.weights[static_cast<size_t>(x * across.taps + t)] *
                           from.at(across.begins[static_cast<size_t>(x)] + t, y);
      }
      narrow.at(x, y) = whole_level(narrow.at(x, y));
    }
  }
  for (int32_t y = 0; y < height; ++y) {
    for (int32_t x = 0; x < width; ++x) {
      double value = 0;
      for (int32_t t = 0; t < down.taps; ++t) {
        value += down.weights[static_cast<size_t>(y * down.taps + t)] *
                 narrow.at(x, down.begins[static_cast<size_t>(y)] + t);
      }
      out.at(x, y) = whole_level(value);
    }
  }
  return out;
}

template <size_t Numbers>
void append_bits(std::array<uint64_t, Numbers>& hash, const std::vector<bool>& bits) {
  for (size_t i = 0; i < bits.size(); ++i) hash[i / 64] |= uint64_t{bits[i]} << (63 - i % 64);
}

std::vector<bool> difference_bits(const Grey& small) {
  std::vector<bool> bits;
  for (int32_t y = 0; y < small.height; ++y) {
    for (int32_t x = 0; x + 1 < small.width; ++x) bits.push_back(small.at(x + 1, y) > small.at(x, y));
  }
  return bits;
}

/// The `count` x `count` lowest coefficients of the cosine transform (DCT-II), against their median.
std::vector<bool> frequency_bits(const Grey& small, int32_t count) {
  const auto cosine = [&](int32_t k, int32_t n, int32_t size) {
    return 2 * std::cos(std::numbers::pi * k * (2 * n + 1) / (2.0 * size));
  };
  Grey columns = make_grey(small.width, count);
  for (int32_t k = 0; k < count; ++k) {
    for (int32_t y = 0; y < small.height; ++y) {
      const double factor = cosine(k, y, small.height);
      for (int32_t x = 0; x < small.width; ++x) columns.at(x, k) += factor * small.at(x, y);
    }
  }
  std::vector<double> low;
  for (int32_t k = 0; k < count; ++k) {
    for (int32_t l = 0; l < count; ++l) {
      double sum = 0;
      for (int32_t x = 0; x < small.width; ++x) sum += cosine(l, x, small.width) * columns.at(x, k);
      low.push_back(std::abs(sum) < kRoundingError ? 0 : sum);
    }
  }
  std::vector<double> sorted = low;
  std::ranges::sort(sorted);
  const double median = (sorted[sorted.size() / 2 - 1] + sorted[sorted.size() / 2]) / 2;
  std::vector<bool> bits;
  for (const double value : low) bits.push_back(value > median);
  return bits;
}

double deviation(const std::vector<double>& values) {
  double sum = 0, squares = 0;
  for (const double value : values) sum += value, squares += value * value;
  const double mean = sum / static_cast<double>(values.size());
  return std::sqrt(std::max(0.0, squares / static_cast<double>(values.size()) - mean * mean));
}

}  // namespace

PerceptualHash perceptual_hash(std::span<const std::byte> file, const DecodeOptions& options) {
  PerceptualHash hash;
  const ImageInfo info = probe_image(file);
  hash.width = info.width;
  hash.height = info.height;
  const int32_t width = std::min(info.width, kSide), height = std::min(info.height, kSide);
  const Grey grey = to_grey(decode_image(file, options, Placement{width, height, 0, 0, width, height}));
  const Grey fine = thumbnail(grey, 17, 16);
  std::array<uint64_t, 1> difference{}, frequency{};
  append_bits(difference, difference_bits(thumbnail(grey, 9, 8)));
  append_bits(hash.fine_difference, difference_bits(fine));
  append_bits(frequency, frequency_bits(thumbnail(grey, 32, 32), 8));
  append_bits(hash.fine_frequency, frequency_bits(thumbnail(grey, 64, 64), 16));
  hash.difference = difference[0];
  hash.frequency = frequency[0];
  hash.contrast = static_cast<float>(deviation(fine.values));
  return hash;
}

}  // namespace atelier

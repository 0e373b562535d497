#include "models/ops/cpu/kernels.h"
#include "models/ops/cpu/math.h"

namespace atelier::cpu {
namespace {

// Sums are made of blocks that stay in the first-level cache and keep their error small; block sums add up in double.
constexpr int64_t kBlock = 2048;

ATELIER_INLINE int64_t block_size(int64_t begin, int64_t count) {
  return count - begin < kBlock ? count - begin : kBlock;
}

ATELIER_INLINE float sum(const float* values, int64_t count) {
  float total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t i = 0; i < count; ++i) total += values[i];
  return total;
}

ATELIER_INLINE float sum_of_squares(const float* values, int64_t count, float centre) {
  float total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t i = 0; i < count; ++i) total += (values[i] - centre) * (values[i] - centre);
  return total;
}

/// One channel's numbers z = scale * x + shift.
struct Channel {
  float scale, shift;
};

ATELIER_INLINE Channel channel_of(const Group& group, Moments moments, int64_t channel) {
  const float scale = moments.rstd * group.weight[channel];
  return {scale, group.bias[channel] - moments.mean * scale};
}

}  // namespace

/// Blocks are joined by the formula of Chan, Golub and LeVeque (1979): no cancellation, whatever the mean is.
ATELIER_CPU_CLONES Moments moments(const float* input, int64_t count, double eps) {
  double mean = 0, squares = 0;
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t size = block_size(begin, count);
    const float centre = sum(input + begin, size) / static_cast<float>(size);
    const double delta = centre - mean;
    const auto before = static_cast<double>(begin), after = static_cast<double>(begin + size);
    squares += sum_of_squares(input + begin, size, centre) + delta * delta * before * static_cast<double>(size) / after;
    mean += delta * static_cast<double>(size) / after;
  }
  const double rstd = 1 / __builtin_sqrt(squares / static_cast<double>(count) + eps);
  return {static_cast<float>(mean), static_cast<float>(rstd)};
}

ATELIER_CPU_CLONES void normalise(const Group& group, Moments moments, bool with_silu, const float* input,
                                  float* output) {
  for (int64_t c = 0; c < group.channels; ++c, input += group.pixels, output += group.pixels) {
    const auto [scale, shift] = channel_of(group, moments, c);
    if (with_silu) {
#pragma omp simd
      for (int64_t i = 0; i < group.pixels; ++i) output[i] = silu(input[i] * scale + shift);
    } else {
#pragma omp simd
      for (int64_t i = 0; i < group.pixels; ++i) output[i] = input[i] * scale + shift;
    }
  }
}

namespace {

struct Sums {
  double gradient = 0, product = 0;
};

/// Sums of gradient and of gradient * (input - mean) over one channel; through SiLU, of the gradient before it, which
/// is written to `before`.
ATELIER_INLINE Sums channel_sums(Channel channel, float mean, bool with_silu, const float* gradient, const float* input,
                                 float* before, int64_t count) {
  Sums sums;
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t size = block_size(begin, count);
    const float *g = gradient + begin, *x = input + begin;
    float of_gradient = 0, of_product = 0;
    if (with_silu) {
      float* z = before + begin;
#pragma omp simd reduction(+ : of_gradient, of_product)
      for (int64_t i = 0; i < size; ++i) {
        const float value = g[i] * silu_slope(x[i] * channel.scale + channel.shift);
        z[i] = value;
        of_gradient += value;
        of_product += value * (x[i] - mean);
      }
    } else {
#pragma omp simd reduction(+ : of_gradient, of_product)
      for (int64_t i = 0; i < size; ++i) {
        of_gradient += g[i];
        of_product += g[i] * (x[i] - mean);
      }
    }
    sums.gradient += of_gradient;
    sums.product += of_product;
  }
  return sums;
}

}  // namespace

ATELIER_CPU_CLONES void normalise_backward(const Group& group, Moments moments, bool with_silu, const float* gradient,
                                           const float* input, float* input_gradient, float* weight_gradient,
                                           float* bias_gradient) {
  double of_gradient = 0, of_product = 0;  // over the group, each channel times its weight
  for (int64_t c = 0; c < group.channels; ++c) {
    const int64_t offset = c * group.pixels;
    const Sums sums = channel_sums(channel_of(group, moments, c), moments.mean, with_silu, gradient + offset,
                                   input + offset, input_gradient + offset, group.pixels);
    bias_gradient[c] = static_cast<float>(sums.gradient);
    weight_gradient[c] = static_cast<float>(sums.product * moments.rstd);
    of_gradient += sums.gradient * group.weight[c];
    of_product += sums.product * group.weight[c];
  }
  // dx = rstd * (weight * dz - mean(weight * dz) - normalised * mean(weight * dz * normalised)), as a line in dz and x
  const double count = static_cast<double>(group.channels) * static_cast<double>(group.pixels), rstd = moments.rstd;
  const auto slope = static_cast<float>(-rstd * rstd * rstd * of_product / count);
  const auto shift = static_cast<float>(-rstd * of_gradient / count);
  for (int64_t c = 0; c < group.channels; ++c) {
    const float scale = moments.rstd * group.weight[c], mean = moments.mean;
    float* out = input_gradient + c * group.pixels;
    const float *x = input + c * group.pixels, *dz = with_silu ? out : gradient + c * group.pixels;
#pragma omp simd
    for (int64_t i = 0; i < group.pixels; ++i) out[i] = scale * dz[i] + (slope * (x[i] - mean) + shift);
  }
}

}  // namespace atelier::cpu

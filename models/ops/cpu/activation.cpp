#include "models/ops/cpu/kernels.h"
#include "models/ops/cpu/math.h"

namespace atelier::cpu {
namespace {

constexpr auto kSlope = static_cast<float>(kQuickGeluSlope);

struct Silu {
  static ATELIER_INLINE float value(float x) { return silu(x); }
  static ATELIER_INLINE float slope(float x) { return silu_slope(x); }
};

struct Gelu {
  static ATELIER_INLINE float value(float x) { return x * normal(x).cumulative; }
  static ATELIER_INLINE float slope(float x) {
    const Normal n = normal(x);
    return n.cumulative + x * n.density;
  }
};

struct QuickGelu {
  static ATELIER_INLINE float value(float x) { return x * sigmoid(kSlope * x); }
  static ATELIER_INLINE float slope(float x) { return silu_slope(kSlope * x); }
};

template <class Curve>
ATELIER_INLINE void values(int64_t count, const float* input, float* output) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) output[i] = Curve::value(input[i]);
}

template <class Curve>
ATELIER_INLINE void slopes(int64_t count, const float* gradient, const float* input, float* input_gradient) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) input_gradient[i] = gradient[i] * Curve::slope(input[i]);
}

}  // namespace

ATELIER_CPU_CLONES void activate(Curve curve, int64_t count, const float* input, float* output) {
  switch (curve) {
    case Curve::kSilu: return values<Silu>(count, input, output);
    case Curve::kGelu: return values<Gelu>(count, input, output);
    case Curve::kQuickGelu: return values<QuickGelu>(count, input, output);
  }
}

ATELIER_CPU_CLONES void activate_backward(Curve curve, int64_t count, const float* gradient, const float* input,
                                          float* input_gradient) {
  switch (curve) {
    case Curve::kSilu: return slopes<Silu>(count, gradient, input, input_gradient);
    case Curve::kGelu: return slopes<Gelu>(count, gradient, input, input_gradient);
    case Curve::kQuickGelu: return slopes<QuickGelu>(count, gradient, input, input_gradient);
  }
}

}  // namespace atelier::cpu

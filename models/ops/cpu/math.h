// Functions of one float without branches, so that loops over them become vector instructions. Relative errors are
// those of fp32 (tests/models/ops_test.cpp compares with fp64).
#pragma once

#include <bit>
#include <cstdint>

// Each function with this is compiled once for every instruction set.
#if defined(__x86_64__)
#define ATELIER_CPU_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define ATELIER_CPU_CLONES
#endif
#define ATELIER_INLINE inline __attribute__((always_inline))

namespace atelier::cpu {

/// e^-x, x >= 0; e^-87 from there on (1.6e-38), for NaN as well.
ATELIER_INLINE float exp_of_minus(float x) {
  constexpr float kLog2E = 1.44269504F, kLn2High = 0.693359375F, kLn2Low = -2.12194440e-4F;
  constexpr float kRound = 12582912;  // 1.5 * 2^23: adding it leaves the nearest integer in the last bits
  const float minus = -(x < 87.0F ? x : 87.0F);
  const float shifted = minus * kLog2E + kRound;
  const float power = shifted - kRound;
  const float r = (minus - power * kLn2High) - power * kLn2Low;  // |r| <= ln(2) / 2
  float series = 1.0F / 5040;
  series = series * r + 1.0F / 720;
  series = series * r + 1.0F / 120;
  series = series * r + 1.0F / 24;
  series = series * r + 1.0F / 6;
  series = series * r + 0.5F;
  series = series * r + 1;
  series = series * r + 1;
  const int32_t exponent = std::bit_cast<int32_t>(shifted) - std::bit_cast<int32_t>(kRound);
  return series * std::bit_cast<float>((exponent + 127) << 23);
}

ATELIER_INLINE float magnitude(float x) { return x < 0 ? -x : x; }

ATELIER_INLINE float sigmoid(float x) {
  const float e = exp_of_minus(magnitude(x));
  const float upper = 1 / (1 + e);
  return x < 0 ? e * upper : upper;
}

ATELIER_INLINE float silu(float x) { return x * sigmoid(x); }

ATELIER_INLINE float silu_slope(float x) {
  const float s = sigmoid(x);
  return s + x * s * (1 - s);
}

/// The normal distribution at x.
struct Normal {
  float cumulative, density;
};

/// The tail beyond |x| is e^(-x^2/2) R(|x|); R is a polynomial in 1 / (1 + 0.3 |x|), fitted to 0.5 erfcx(x / sqrt(2))
/// on [0, 14] for the least largest relative error (5.8e-8).
ATELIER_INLINE Normal normal(float x) {
  constexpr float kInverseRoot2Pi = 0.398942280F;
  const float a = magnitude(x);
  const float e = exp_of_minus(0.5F * a * a);
  const float t = 1 / (1 + 0.3F * a);
  float tail = 0.0383784026F;
  tail = tail * t - 0.169166639F;
  tail = tail * t + 0.22866109F;
  tail = tail * t - 0.0765075535F;
  tail = tail * t + 0.142536208F;
  tail = tail * t + 0.0946832597F;
  tail = tail * t + 0.121920399F;
  tail = tail * t + 0.11948768F;
  tail = (tail * t + 7.16925206e-06F) * e;
  return {x < 0 ? tail : 1 - tail, e * kInverseRoot2Pi};
}

}  // namespace atelier::cpu

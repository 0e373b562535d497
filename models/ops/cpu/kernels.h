// The CPU's kernels: fp32, one thread each; the caller spreads the work. No torch: this part is compiled for several
// instruction sets, of which the machine's best is taken at start.
#pragma once

#include <cstdint>

namespace atelier::cpu {

/// One group of a GroupNorm: `channels` rows of `pixels` numbers, contiguous.
struct Group {
  int64_t channels, pixels;
  const float *weight, *bias;  // [channels]
};

struct Moments {
  float mean, rstd;
};

/// rstd = 1 / sqrt(variance + eps)
Moments moments(const float* input, int64_t count, double eps);

/// output = (input - mean) * rstd * weight + bias, through SiLU if `silu`.
void normalise(const Group& group, Moments moments, bool silu, const float* input, float* output);

/// Sums over the pixels of the gradient before the activation (`bias_gradient`) and of that times the normalised input
/// (`weight_gradient`), [channels] each, and the gradient of `input`.
void normalise_backward(const Group& group, Moments moments, bool silu, const float* gradient, const float* input,
                        float* input_gradient, float* weight_gradient, float* bias_gradient);

enum class Curve { kSilu, kGelu, kQuickGelu };
constexpr double kQuickGeluSlope = 1.702;  // x * sigmoid(slope x), CLIP's

void activate(Curve curve, int64_t count, const float* input, float* output);
/// gradient * curve'(input)
void activate_backward(Curve curve, int64_t count, const float* gradient, const float* input, float* input_gradient);

/// Rows [value, gate] of 2 * `width` -> value * gelu(gate), rows of `width`.
void geglu(int64_t rows, int64_t width, const float* input, float* output);
void geglu_backward(int64_t rows, int64_t width, const float* gradient, const float* input, float* input_gradient);

}  // namespace atelier::cpu

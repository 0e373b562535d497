#include "models/ops/cpu/kernels.h"
#include "models/ops/cpu/math.h"

namespace atelier::cpu {

ATELIER_CPU_CLONES void geglu(int64_t rows, int64_t width, const float* input, float* output) {
  for (int64_t row = 0; row < rows; ++row, input += 2 * width, output += width) {
    const float *value = input, *gate = input + width;
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) output[i] = value[i] * (gate[i] * normal(gate[i]).cumulative);
  }
}

ATELIER_CPU_CLONES void geglu_backward(int64_t rows, int64_t width, const float* gradient, const float* input,
                                       float* input_gradient) {
  for (int64_t row = 0; row < rows; ++row, gradient += width, input += 2 * width, input_gradient += 2 * width) {
    const float *value = input, *gate = input + width;
    float *of_value = input_gradient, *of_gate = input_gradient + width;
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) {
      const Normal n = normal(gate[i]);
      of_value[i] = gradient[i] * (gate[i] * n.cumulative);
      of_gate[i] = gradient[i] * value[i] * (n.cumulative + gate[i] * n.density);
    }
  }
}

}  // namespace atelier::cpu

#include "models/ops/geglu.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "models/ops/cpu/kernels.h"
#include "models/ops/cuda/cuda_bodies.h"

namespace atelier {
namespace {

constexpr int64_t kGatesATask = 1 << 14;

bool on_cpu_kernels(const at::Tensor& input) {
  return input.is_cpu() && input.scalar_type() == at::kFloat && input.is_contiguous();
}

/// body(first row, rows)
template <class Body>
void for_rows(const at::Tensor& input, const Body& body) {
  const int64_t width = input.size(-1) / 2, rows = width == 0 ? 0 : input.numel() / (2 * width);
  at::parallel_for(0, rows, std::max<int64_t>(1, kGatesATask / std::max<int64_t>(1, width)),
                   [&](int64_t begin, int64_t end) { body(begin, end - begin); });
}

std::vector<int64_t> output_sizes(const at::Tensor& input) {
  std::vector<int64_t> sizes = input.sizes().vec();
  sizes.back() /= 2;
  return sizes;
}

}  // namespace

at::Tensor geglu(const at::Tensor& input) {
  if (cuda_geglu_takes(input)) return cuda_geglu(input);
  if (!on_cpu_kernels(input)) {
    const std::vector<at::Tensor> halves = input.chunk(2, -1);
    return halves[0] * at::gelu(halves[1]);
  }
  at::Tensor output = at::empty(output_sizes(input), input.options());
  const int64_t width = output.size(-1);
  const float* in = input.const_data_ptr<float>();
  float* out = output.data_ptr<float>();
  for_rows(input, [&](int64_t first, int64_t rows) {
    cpu::geglu(rows, width, in + first * 2 * width, out + first * width);
  });
  return output;
}

at::Tensor geglu_backward(const at::Tensor& gradient, const at::Tensor& input) {
  if (cuda_geglu_takes(input)) return cuda_geglu_backward(gradient, input);
  if (!on_cpu_kernels(input)) {
    const std::vector<at::Tensor> halves = input.chunk(2, -1);
    return at::cat({gradient * at::gelu(halves[1]), at::gelu_backward(gradient * halves[0], halves[1])}, -1);
  }
  const at::Tensor dense = gradient.contiguous();
  at::Tensor result = at::empty_like(input);
  const int64_t width = input.size(-1) / 2;
  const float *g = dense.const_data_ptr<float>(), *in = input.const_data_ptr<float>();
  float* out = result.data_ptr<float>();
  for_rows(input, [&](int64_t first, int64_t rows) {
    cpu::geglu_backward(rows, width, g + first * width, in + first * 2 * width, out + first * 2 * width);
  });
  return result;
}

}  // namespace atelier

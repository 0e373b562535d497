#include "models/ops/activation.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <optional>

#include "models/ops/cpu/kernels.h"

namespace atelier {
namespace {

using cpu::kQuickGeluSlope;
constexpr int64_t kNumbersACurveTask = 1 << 15;

/// Of the CPU's kernels, if they take the tensor.
std::optional<cpu::Curve> cpu_curve(Activation activation, const at::Tensor& input) {
  if (!input.is_cpu() || input.scalar_type() != at::kFloat || !input.is_contiguous()) return std::nullopt;
  switch (activation) {
    case Activation::kNone: return std::nullopt;
    case Activation::kSilu: return cpu::Curve::kSilu;
    case Activation::kGelu: return cpu::Curve::kGelu;
    case Activation::kQuickGelu: return cpu::Curve::kQuickGelu;
  }
  return std::nullopt;
}

}  // namespace

at::Tensor activate(Activation activation, const at::Tensor& input) {
  switch (activation) {
    case Activation::kNone: return input;
    case Activation::kSilu: return at::silu(input);
    case Activation::kGelu: return at::gelu(input);
    case Activation::kQuickGelu: return input * at::sigmoid(kQuickGeluSlope * input);
  }
  return input;
}

at::Tensor activate_forward(Activation activation, const at::Tensor& input) {
  const std::optional<cpu::Curve> curve = cpu_curve(activation, input);
  if (!curve) return activate(activation, input);
  at::Tensor output = at::empty_like(input);
  const float* in = input.const_data_ptr<float>();
  float* out = output.data_ptr<float>();
  at::parallel_for(0, input.numel(), kNumbersACurveTask, [&](int64_t begin, int64_t end) {
    cpu::activate(*curve, end - begin, in + begin, out + begin);
  });
  return output;
}

at::Tensor activate_backward(Activation activation, const at::Tensor& gradient, const at::Tensor& input) {
  if (const std::optional<cpu::Curve> curve = cpu_curve(activation, input)) {
    const at::Tensor dense = gradient.contiguous();
    at::Tensor result = at::empty_like(input);
    const float *outer = dense.const_data_ptr<float>(), *in = input.const_data_ptr<float>();
    float* out = result.data_ptr<float>();
    at::parallel_for(0, input.numel(), kNumbersACurveTask, [&](int64_t begin, int64_t end) {
      cpu::activate_backward(*curve, end - begin, outer + begin, in + begin, out + begin);
    });
    return result;
  }
  switch (activation) {
    case Activation::kNone: return gradient;
    case Activation::kSilu: return at::silu_backward(gradient, input);
    case Activation::kGelu: return at::gelu_backward(gradient, input);
    case Activation::kQuickGelu: {
      const at::Tensor sigmoid = at::sigmoid(kQuickGeluSlope * input);
      return gradient * (sigmoid + kQuickGeluSlope * input * sigmoid * (1 - sigmoid));
    }
  }
  return gradient;
}

}  // namespace atelier

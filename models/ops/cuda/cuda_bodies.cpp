#include "models/ops/cuda/cuda_bodies.h"

#include <ATen/ATen.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <optional>
#include <vector>

#include "models/ops/cuda/kernels.h"

namespace atelier {
namespace {

std::optional<cuda::NumberType> number_type(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat: return cuda::NumberType::kFloat32;
    case at::kHalf: return cuda::NumberType::kFloat16;
    case at::kBFloat16: return cuda::NumberType::kBfloat16;
    default: return std::nullopt;
  }
}

CUstream_st* stream_of(const at::Tensor& tensor) {
  return c10::cuda::getCurrentCUDAStream(tensor.get_device()).stream();
}

at::Tensor nhwc(const at::Tensor& tensor) { return tensor.contiguous(at::MemoryFormat::ChannelsLast); }

cuda::GroupNorm call_of(int64_t groups, Activation activation, const at::Tensor& input, const at::Tensor& weight,
                        const at::Tensor& bias, const Normalised& statistics) {
  cuda::GroupNorm call{};
  call.type = *number_type(input);
  call.samples = input.size(0);
  call.pixels = input.size(2) * input.size(3);
  call.channels = static_cast<int>(input.size(1));
  call.groups = static_cast<int>(groups);
  call.silu = activation == Activation::kSilu;
  call.input = input.const_data_ptr();
  call.weight = weight.const_data_ptr();
  call.bias = bias.const_data_ptr();
  call.mean = statistics.mean.data_ptr<float>();
  call.rstd = statistics.rstd.data_ptr<float>();
  return call;
}

at::Tensor scratch_for(const cuda::GroupNorm& call, const at::Tensor& input) {
  return at::empty({cuda::group_norm_scratch(call)}, input.options().dtype(at::kFloat));
}

class CudaGroupNorm : public GroupNormBody {
 public:
  Normalised forward(const NormShape& shape, Activation activation, const at::Tensor& input, const at::Tensor& weight,
                     const at::Tensor& bias) const override {
    const c10::cuda::CUDAGuard device(input.device());
    const at::Tensor laid_out = nhwc(input);
    const auto numbers = input.options().dtype(at::kFloat);
    Normalised result{at::empty_like(laid_out), at::empty({input.size(0), shape.groups}, numbers),
                      at::empty({input.size(0), shape.groups}, numbers)};
    cuda::GroupNorm call = call_of(shape.groups, activation, laid_out, weight, bias, result);
    const at::Tensor scratch = scratch_for(call, input);
    call.scratch = scratch.data_ptr<float>();
    cuda::group_norm_forward(call, shape.eps, result.output.data_ptr(), stream_of(input));
    return result;
  }

  at::Tensor again(const NormShape& shape, Activation activation, const at::Tensor& input, const Normalised& statistics,
                   const at::Tensor& weight, const at::Tensor& bias) const override {
    const c10::cuda::CUDAGuard device(input.device());
    const at::Tensor laid_out = nhwc(input);
    at::Tensor output = at::empty_like(laid_out);
    const cuda::GroupNorm call = call_of(shape.groups, activation, laid_out, weight, bias, statistics);
    cuda::group_norm_again(call, output.data_ptr(), stream_of(input));
    return output;
  }

  std::array<at::Tensor, 3> backward(const NormShape& shape, Activation activation, const at::Tensor& gradient,
                                     const at::Tensor& input, const Normalised& statistics, const at::Tensor& weight,
                                     const at::Tensor& bias, std::array<bool, 3> wanted) const override {
    const c10::cuda::CUDAGuard device(input.device());
    const at::Tensor laid_out = nhwc(input), outer = nhwc(gradient);
    at::Tensor of_input = at::empty_like(laid_out), of_weight = at::empty_like(weight), of_bias = at::empty_like(bias);
    cuda::GroupNorm call = call_of(shape.groups, activation, laid_out, weight, bias, statistics);
    const at::Tensor scratch = scratch_for(call, input);
    call.scratch = scratch.data_ptr<float>();
    cuda::group_norm_backward(call, outer.const_data_ptr(), of_input.data_ptr(), of_weight.data_ptr(),
                              of_bias.data_ptr(), stream_of(input));
    return {wanted[0] ? of_input : at::Tensor(), wanted[1] ? of_weight : at::Tensor(),
            wanted[2] ? of_bias : at::Tensor()};
  }
};

}  // namespace

const GroupNormBody* cuda_group_norm(const at::Tensor& input, const at::Tensor& weight) {
  static const CudaGroupNorm body;
  const bool taken = input.dim() == 4 && number_type(input) && weight.scalar_type() == input.scalar_type() &&
                     weight.is_contiguous() && cuda::group_norm_fits(static_cast<int>(input.size(1)));
  return taken ? &body : nullptr;
}

bool cuda_geglu_takes(const at::Tensor& input) {
  return input.is_cuda() && number_type(input) && input.is_contiguous() && input.numel() > 0;
}

at::Tensor cuda_geglu(const at::Tensor& input) {
  const c10::cuda::CUDAGuard device(input.device());
  std::vector<int64_t> sizes = input.sizes().vec();
  sizes.back() /= 2;
  at::Tensor output = at::empty(sizes, input.options());
  const int64_t width = sizes.back();
  cuda::geglu(*number_type(input), input.const_data_ptr(), output.data_ptr(), output.numel() / width, width,
              stream_of(input));
  return output;
}

at::Tensor cuda_geglu_backward(const at::Tensor& gradient, const at::Tensor& input) {
  const c10::cuda::CUDAGuard device(input.device());
  const at::Tensor outer = gradient.contiguous();
  at::Tensor result = at::empty_like(input);
  const int64_t width = input.size(-1) / 2;
  cuda::geglu_backward(*number_type(input), outer.const_data_ptr(), input.const_data_ptr(), result.data_ptr(),
                       outer.numel() / width, width, stream_of(input));
  return result;
}

}  // namespace atelier

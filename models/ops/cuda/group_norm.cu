#include "models/ops/cuda/launch.cuh"
#include "models/ops/device/group_norm_calls.h"

namespace atelier::cuda {
namespace {

device::GroupNormSize size_of(const GroupNorm& call) {
  return {call.samples, call.pixels, call.channels, call.groups};
}

template <class Number>
device::GroupNormArguments<Number> arguments(const GroupNorm& call) {
  return {size_of(call),
          call.silu,
          static_cast<const Number*>(call.input),
          static_cast<const Number*>(call.weight),
          static_cast<const Number*>(call.bias),
          call.mean,
          call.rstd,
          call.scratch};
}

}  // namespace

bool group_norm_fits(int channels) { return device::group_norm_fits(channels); }

int64_t group_norm_scratch(const GroupNorm& call) { return device::group_norm_scratch(size_of(call)); }

void group_norm_forward(const GroupNorm& call, double eps, void* output, CUstream_st* stream) {
  with_number(call.type, [&]<class Number>() {
    device::group_norm_forward(arguments<Number>(call), static_cast<float>(eps), static_cast<Number*>(output),
                               Launch(stream));
  });
}

void group_norm_again(const GroupNorm& call, void* output, CUstream_st* stream) {
  with_number(call.type, [&]<class Number>() {
    device::group_norm_again(arguments<Number>(call), static_cast<Number*>(output), Launch(stream));
  });
}

void group_norm_backward(const GroupNorm& call, const void* gradient, void* input_gradient, void* weight_gradient,
                         void* bias_gradient, CUstream_st* stream) {
  with_number(call.type, [&]<class Number>() {
    const device::GroupNormGradients<Number> gradients{
        static_cast<const Number*>(gradient), static_cast<Number*>(input_gradient),
        static_cast<Number*>(weight_gradient), static_cast<Number*>(bias_gradient)};
    device::group_norm_backward(arguments<Number>(call), gradients, Launch(stream));
  });
}

}  // namespace atelier::cuda

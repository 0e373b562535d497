#include "models/ops/device/geglu.h"

#include "models/ops/cuda/launch.cuh"

namespace atelier::cuda {

void geglu(NumberType type, const void* input, void* output, int64_t rows, int64_t width, CUstream_st* stream) {
  with_number(type, [&]<class Number>() {
    device::geglu(static_cast<const Number*>(input), static_cast<Number*>(output), rows, width, Launch(stream));
  });
}

void geglu_backward(NumberType type, const void* gradient, const void* input, void* input_gradient, int64_t rows,
                    int64_t width, CUstream_st* stream) {
  with_number(type, [&]<class Number>() {
    device::geglu_backward(static_cast<const Number*>(gradient), static_cast<const Number*>(input),
                           static_cast<Number*>(input_gradient), rows, width, Launch(stream));
  });
}

}  // namespace atelier::cuda

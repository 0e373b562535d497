// Starts the kernels of models/ops/device on a GPU.
#pragma once

#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

#include "models/ops/cuda/kernels.h"
#include "models/ops/device/number.h"

namespace atelier::cuda {

template <class Kernel>
__global__ void __launch_bounds__(device::kMostThreads) run(Kernel kernel) {
  extern __shared__ float shared[];
  device::Block block(shared);
  kernel(block);
}

class Launch {
 public:
  explicit Launch(cudaStream_t stream) : stream_(stream) {}

  template <class Kernel>
  void operator()(const device::Grid& grid, const Kernel& kernel) const {
    const dim3 blocks(static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y));
    run<<<blocks, grid.threads, grid.shared_bytes, stream_>>>(kernel);
    const cudaError_t error = cudaGetLastError();
    if (error != cudaSuccess) throw std::runtime_error(std::string("a CUDA kernel: ") + cudaGetErrorString(error));
  }

 private:
  cudaStream_t stream_;
};

/// body<Number>() with the type's C++ type.
template <class Body>
void with_number(NumberType type, const Body& body) {
  switch (type) {
    case NumberType::kFloat32: return body.template operator()<float>();
    case NumberType::kFloat16: return body.template operator()<__half>();
    case NumberType::kBfloat16: return body.template operator()<device::Bfloat16>();
  }
}

}  // namespace atelier::cuda

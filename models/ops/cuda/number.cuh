// bf16 and fp16 by the GPU's own conversions. Included by models/ops/device/number.h.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace atelier::device {

struct Bfloat16 {
  uint16_t bits;
};

__device__ __forceinline__ float to_float(Bfloat16 value) {
  return __uint_as_float(static_cast<uint32_t>(value.bits) << 16);
}
__device__ __forceinline__ void store(float value, Bfloat16& to) {
  to.bits = __bfloat16_as_ushort(__float2bfloat16_rn(value));
}
__device__ __forceinline__ float to_float(__half value) { return __half2float(value); }
__device__ __forceinline__ void store(float value, __half& to) { to = __float2half_rn(value); }

}  // namespace atelier::device

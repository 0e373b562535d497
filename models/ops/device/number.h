// The number types of the kernels' tensors, and vectors of them that are one load; arithmetic is in fp32.
#pragma once

#include <cstdint>

#include "models/ops/device/block.h"

#if defined(__CUDACC__)
#include "models/ops/cuda/number.cuh"
#else
#include <bit>
#endif

namespace atelier::device {

ATELIER_DEVICE float to_float(float value) { return value; }
ATELIER_DEVICE void store(float value, float& to) { to = value; }

#if !defined(__CUDACC__)

struct Bfloat16 {
  uint16_t bits;
};

inline float to_float(Bfloat16 value) { return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16); }

/// To the nearest, ties to even.
inline void store(float value, Bfloat16& to) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const bool not_a_number = value != value;
  to.bits = static_cast<uint16_t>(not_a_number ? 0x7FC0 : (bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

#endif

/// kCount numbers that lie together, aligned to their size.
template <class Number, int kCount>
struct alignas(sizeof(Number) * kCount) Vector {
  Number items[kCount];

  ATELIER_DEVICE static Vector load(const Number* from) { return *reinterpret_cast<const Vector*>(from); }
  ATELIER_DEVICE void save(Number* to) const { *reinterpret_cast<Vector*>(to) = *this; }
};

/// How many numbers a 16-byte load takes.
template <class Number>
constexpr int kVectorWidth = static_cast<int>(16 / sizeof(Number));

/// Whether rows of `width` numbers can be read in such loads.
template <class Number, class... Pointer>
bool takes_vectors(int64_t width, const Pointer*... pointers) {
  return width % kVectorWidth<Number> == 0 && ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
}

}  // namespace atelier::device

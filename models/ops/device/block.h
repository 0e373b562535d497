// What a kernel of ours is written against: the threads of one block, working in phases. nvcc makes CUDA of it; a C++
// compiler makes the same kernels run thread after thread, so that they are tested where there is no GPU
// (tests/support/emulated_launch.h).
//
// A kernel is a struct of its arguments with `void operator()(Block& block) const`. Everything that threads do is in
// block.phase(): after it all of the block's threads meet, so what one phase wrote to shared memory the next may read.
// A missing barrier cannot be written; threads of one phase that depend on each other are found by emulating them in
// another order.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__CUDACC__)
#define ATELIER_DEVICE __device__ __forceinline__
#define ATELIER_EVERYWHERE __host__ __device__
// Before a loop over memory: several loads are on their way at once.
#define ATELIER_UNROLL _Pragma("unroll 4")
#else
#define ATELIER_DEVICE inline
#define ATELIER_EVERYWHERE
#define ATELIER_UNROLL
#endif

namespace atelier::device {

/// A kernel's most threads a block.
constexpr int kMostThreads = 512;

struct Grid {
  int64_t x = 1, y = 1;     // blocks
  int threads = 256;        // a block
  size_t shared_bytes = 0;  // a block
};

#if defined(__CUDACC__)

class Block {
 public:
  ATELIER_DEVICE explicit Block(float* shared) : shared_(shared) {}
  ATELIER_DEVICE int64_t x() const { return blockIdx.x; }
  ATELIER_DEVICE int64_t y() const { return blockIdx.y; }
  ATELIER_DEVICE int64_t blocks() const { return gridDim.x; }
  ATELIER_DEVICE int threads() const { return static_cast<int>(blockDim.x); }
  ATELIER_DEVICE float* shared() const { return shared_; }

  template <class Body>
  ATELIER_DEVICE void phase(Body body) const {
    body(static_cast<int>(threadIdx.x));
    __syncthreads();
  }

 private:
  float* shared_;
};

#else

class Block {
 public:
  Block(const Grid& grid, int64_t x, int64_t y, float* shared, bool reversed)
      : grid_(grid), x_(x), y_(y), shared_(shared), reversed_(reversed) {}
  int64_t x() const { return x_; }
  int64_t y() const { return y_; }
  int64_t blocks() const { return grid_.x; }
  int threads() const { return grid_.threads; }
  float* shared() const { return shared_; }

  template <class Body>
  void phase(Body body) const {
    for (int i = 0; i < grid_.threads; ++i) body(reversed_ ? grid_.threads - 1 - i : i);
  }

 private:
  Grid grid_;
  int64_t x_, y_;
  float* shared_;
  bool reversed_;
};

#endif

}  // namespace atelier::device

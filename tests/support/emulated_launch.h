// Runs the device kernels of models/ops on the CPU, thread after thread and phase after phase.
#pragma once

#include <limits>
#include <vector>

#include "models/ops/device/block.h"

namespace atelier::device {

/// `reversed`: the threads of a phase run from the last to the first. Kernels whose threads do not meddle with each
/// other give the same bits both ways.
class EmulatedLaunch {
 public:
  explicit EmulatedLaunch(bool reversed = false) : reversed_(reversed) {}

  template <class Kernel>
  void operator()(const Grid& grid, const Kernel& kernel) const {
    for (int64_t y = 0; y < grid.y; ++y) {
      for (int64_t x = 0; x < grid.x; ++x) {
        // As on a GPU, nothing is in shared memory before it is written.
        std::vector<float> shared(grid.shared_bytes / sizeof(float), std::numeric_limits<float>::quiet_NaN());
        Block block(grid, x, y, shared.data(), reversed_);
        kernel(block);
      }
    }
  }

 private:
  bool reversed_;
};

}  // namespace atelier::device

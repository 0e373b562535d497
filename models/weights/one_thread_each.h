// Threads of our own instead of ATen's.
#pragma once

#include <ATen/Parallel.h>

namespace atelier {

/// While it lives, ATen's operations use no threads of their own: for work that has its own threads. OpenMP's wait for
/// each other by spinning, which would take the processor from them. Make it before the threads start.
class OneThreadEach {
 public:
  OneThreadEach() { at::set_num_threads(1); }
  ~OneThreadEach() { at::set_num_threads(before_); }
  OneThreadEach(const OneThreadEach&) = delete;
  OneThreadEach& operator=(const OneThreadEach&) = delete;

 private:
  int before_ = at::get_num_threads();
};

}  // namespace atelier

// A fixed number of threads and a queue of tasks.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>

namespace atelier {

/// Thread-safe. The destructor finishes what is queued. Where the machine's limits allow fewer threads, there are
/// fewer; MachineError if there is none.
class ThreadPool {
 public:
  explicit ThreadPool(int thread_count);
  ~ThreadPool();
  int size() const;

  /// Runs `task` on some thread; its exception comes out of the future.
  std::future<void> submit(std::function<void()> task);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Calls `body(i)` for i in [0, count) on `thread_count` threads (0: one a core), in chunks; the first exception is
/// thrown after all threads have stopped.
void parallel_for(int64_t count, int thread_count, const std::function<void(int64_t)>& body);

/// Cores this process may use (its CPU affinity), at least 1.
int available_cores();

}  // namespace atelier

#include "configs/base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "configs/base/error.h"
#include "configs/base/log.h"

namespace atelier {

struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::packaged_task<void()>> queue;
  std::vector<std::thread> threads;
  bool closing = false;

  void work() {
    while (true) {
      std::packaged_task<void()> task;
      {
        std::unique_lock lock(mutex);
        wake.wait(lock, [this] { return closing || !queue.empty(); });
        if (queue.empty()) return;
        task = std::move(queue.front());
        queue.pop_front();
      }
      task();
    }
  }
};

namespace {

/// As many of `count` threads as the machine's limits allow: fewer do the same work.
template <typename Body>
void start_threads(std::vector<std::thread>& threads, int count, const Body& body) {
  try {
    while (std::ssize(threads) < count) threads.emplace_back(body);
  } catch (const std::system_error&) {
    log_warning("only ", threads.size(), " of ", count, " threads could be started");
  }
}

}  // namespace

ThreadPool::ThreadPool(int thread_count) : state_(std::make_unique<State>()) {
  start_threads(state_->threads, std::max(1, thread_count), [state = state_.get()] { state->work(); });
  if (state_->threads.empty())
    throw MachineError("no thread can be started", "", "see the machine's limits (ulimit -u)");
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->closing = true;
  }
  state_->wake.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
}

int ThreadPool::size() const { return static_cast<int>(state_->threads.size()); }

std::future<void> ThreadPool::submit(std::function<void()> task) {
  std::packaged_task<void()> packaged(std::move(task));
  std::future<void> result = packaged.get_future();
  {
    const std::lock_guard lock(state_->mutex);
    state_->queue.push_back(std::move(packaged));
  }
  state_->wake.notify_one();
  return result;
}

void parallel_for(int64_t count, int thread_count, const std::function<void(int64_t)>& body) {
  const int threads = static_cast<int>(std::min<int64_t>(thread_count > 0 ? thread_count : available_cores(), count));
  if (threads <= 1) {
    for (int64_t i = 0; i < count; ++i) body(i);
    return;
  }
  const int64_t chunk = std::max<int64_t>(1, count / (threads * 16));
  std::atomic<int64_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error;
  std::mutex error_mutex;
  const auto work = [&] {
    while (!failed) {
      const int64_t begin = next.fetch_add(chunk);
      if (begin >= count) return;
      try {
        for (int64_t i = begin; i < std::min(count, begin + chunk); ++i) body(i);
      } catch (...) {
        const std::lock_guard lock(error_mutex);
        if (!error) error = std::current_exception();
        failed = true;
      }
    }
  };
  std::vector<std::thread> workers;
  start_threads(workers, threads - 1, work);
  work();
  for (std::thread& worker : workers) worker.join();
  if (error) std::rethrow_exception(error);
}

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

}  // namespace atelier

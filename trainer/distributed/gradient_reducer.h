// Data parallelism: the store's ranges are summed over ranks while backward goes on.
#pragma once

#include <cstdint>
#include <vector>

#include "trainer/distributed/communicator.h"
#include "trainer/flat_store.h"

namespace atelier {

/// Hooks on the parameters count each static range down; a complete range's all-reduce is started at once, always in
/// the order of their indices, so every rank starts the same collectives. The sums depend on neither timing nor on what
/// happened before: a resumed run adds the same bits (c10d::Reducer, which rebuilds its buckets after the first step,
/// does not: docs/decisions/0002-own-data-parallelism.md).
class GradientReducer {
 public:
  /// Both must outlive the reducer; installs the hooks.
  GradientReducer(FlatStore& store, Communicator& communicator);
  ~GradientReducer();
  GradientReducer(const GradientReducer&) = delete;
  GradientReducer& operator=(const GradientReducer&) = delete;

  /// Before the backward pass of a step's last micro-batch.
  void arm();
  /// After it: starts the ranges that hold parameters the loss did not reach, and waits for all.
  void finish();

 private:
  struct Hook;

  void on_parameter(int64_t range);
  void launch_ready();

  FlatStore& store_;
  Communicator& communicator_;
  bool armed_ = false;
  int64_t next_ = 0;                // the next range to start
  std::vector<int64_t> remaining_;  // parameters still missing, a range
  std::vector<Communicator::Pending> pending_;
};

}  // namespace atelier

// Collectives between the processes of a run: c10d's process groups (NCCL on GPUs, Gloo on CPUs) behind one small
// class, so that a change of c10d's interfaces touches one file.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "trainer/distributed/rank_info.h"

namespace atelier {

class Communicator {
 public:
  /// A collective under way. wait() throws MachineError naming this rank if another was lost.
  class Pending {
   public:
    Pending();
    ~Pending();
    Pending(Pending&&) noexcept;
    Pending& operator=(Pending&&) noexcept;
    void wait();

   private:
    friend class Communicator;
    struct State;
    std::unique_ptr<State> state_;
  };

  /// All ranks meet; returns when all are there. MachineError when they do not within `timeout_seconds`.
  Communicator(const RankInfo& ranks, at::Device device, double timeout_seconds = 1800);
  ~Communicator();

  const RankInfo& ranks() const { return ranks_; }

  /// `tensor` becomes the sum over ranks; contiguous, on the device given. Collectives are started in the same order on
  /// every rank.
  Pending start_all_reduce(at::Tensor tensor);
  void all_reduce(at::Tensor tensor);
  /// `tensor` (on the CPU or the device) becomes rank 0's.
  void broadcast(at::Tensor tensor);
  /// Through the CPU; for moments, not for work that takes long on one rank.
  void barrier();

 private:
  struct State;
  RankInfo ranks_;
  std::unique_ptr<State> state_;
};

}  // namespace atelier

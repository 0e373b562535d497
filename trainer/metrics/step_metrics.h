// What one optimizer step gave: per-sample losses gathered from all ranks, and the figures made of them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/loader/batch_loader.h"
#include "trainer/distributed/communicator.h"
#include "trainer/objective.h"

namespace atelier {

struct StepMetrics {
  int64_t step = 0, epoch = 0;
  double loss = 0;                                             // mean of weight x loss over the step's samples
  std::vector<std::pair<std::string, double>> learning_rates;  // a group
  double grad_norm = 0;                                        // before clipping
  double images_per_second = 0, data_wait_seconds = 0, step_seconds = 0;
  int64_t memory_bytes = 0;
  std::vector<std::optional<double>> loss_by_timestep;  // ten equal bands; nullopt: no sample
  std::vector<std::pair<std::string, std::optional<double>>> loss_by_person_class;
};

/// Collects a step's samples on every rank in slots of its own, so that the sums over ranks add nothing but zeros and
/// the figures have the same bits on every rank and for every number of processes.
class StepSamples {
 public:
  static constexpr int64_t kBands = 10;

  /// `count`: this rank's samples of the step, the same on every rank.
  StepSamples(int64_t count, const RankInfo& ranks);

  void add(const LoadedBatch& batch, const MicroLoss& loss);
  /// This rank was asked to stop.
  void flag_interrupt() { interrupt_ = true; }
  /// Sums over ranks. `communicator` may be nullptr.
  void gather(Communicator* communicator);

  // After gather():
  bool interrupted() const { return interrupt_; }
  /// Samples that are no padding and could be decoded.
  double counted() const;
  /// Sum of weight x loss, over counted(): with a sum of weights below it, weights would cancel in a batch of one.
  double mean_loss() const;
  bool all_finite() const;
  /// The loss of this rank's sample `index`, in the order of add().
  bool own_is_finite(int64_t index) const;
  std::vector<std::optional<double>> loss_by_timestep(int64_t num_timesteps) const;
  std::vector<std::optional<double>> loss_by_class(int64_t class_count) const;

 private:
  template <typename KeyOf>
  std::vector<std::optional<double>> means(int64_t key_count, KeyOf key_of) const;
  double at(int64_t row, int64_t slot) const;

  int64_t slots_;
  int64_t first_, next_;  // of this rank
  bool interrupt_ = false;
  at::Tensor values_;  // [5, slots + 1] fp64: loss, weight, counts, timestep, class; last column: interrupt
};

/// Resident memory of this process, or what the device's allocator holds at its peak, bytes.
int64_t training_memory_bytes(at::Device device);

}  // namespace atelier

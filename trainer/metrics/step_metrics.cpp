#include "trainer/metrics/step_metrics.h"

#include <ATen/ATen.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <sys/resource.h>

#include <cmath>

namespace atelier {
namespace {

enum Row : int64_t { kLoss, kWeight, kCounts, kTimestep, kClass, kRows };

}  // namespace

StepSamples::StepSamples(int64_t count, const RankInfo& ranks)
    : slots_(count * ranks.world_size),
      first_(count * ranks.rank),
      next_(first_),
      values_(at::zeros({kRows, slots_ + 1}, at::kDouble)) {}

void StepSamples::add(const LoadedBatch& batch, const MicroLoss& loss) {
  const at::Tensor losses = loss.per_sample.to(at::kCPU, at::kDouble);
  auto values = values_.accessor<double, 2>();
  for (size_t i = 0; i < batch.samples.size(); ++i, ++next_) {
    const LoadedSample& sample = batch.samples[i];
    values[kLoss][next_] = losses.const_data_ptr<double>()[i];
    values[kWeight][next_] = sample.weight;
    values[kCounts][next_] = sample.counts ? 1 : 0;
    values[kTimestep][next_] = static_cast<double>(loss.timesteps[i]);
    values[kClass][next_] = sample.person_class;
  }
}

void StepSamples::gather(Communicator* communicator) {
  values_.accessor<double, 2>()[0][slots_] = interrupt_;
  if (communicator) communicator->all_reduce(values_);
  interrupt_ = at(0, slots_) > 0;
}

double StepSamples::at(int64_t row, int64_t slot) const {
  return values_.const_data_ptr<double>()[row * (slots_ + 1) + slot];
}

double StepSamples::counted() const {
  double sum = 0;
  for (int64_t slot = 0; slot < slots_; ++slot) sum += at(kCounts, slot);
  return sum;
}

double StepSamples::mean_loss() const {
  double sum = 0;
  for (int64_t slot = 0; slot < slots_; ++slot) {
    if (at(kWeight, slot) > 0) sum += at(kWeight, slot) * at(kLoss, slot);
  }
  return sum / counted();
}

bool StepSamples::all_finite() const {
  for (int64_t slot = 0; slot < slots_; ++slot) {
    if (at(kWeight, slot) > 0 && !std::isfinite(at(kLoss, slot))) return false;
  }
  return true;
}

bool StepSamples::own_is_finite(int64_t index) const { return std::isfinite(at(kLoss, first_ + index)); }

template <typename KeyOf>
std::vector<std::optional<double>> StepSamples::means(int64_t key_count, KeyOf key_of) const {
  std::vector<double> sums(static_cast<size_t>(key_count)), weights(static_cast<size_t>(key_count));
  for (int64_t slot = 0; slot < slots_; ++slot) {
    const auto key = static_cast<size_t>(key_of(slot));
    if (at(kWeight, slot) <= 0 || key >= sums.size()) continue;
    sums[key] += at(kWeight, slot) * at(kLoss, slot);
    weights[key] += at(kWeight, slot);
  }
  std::vector<std::optional<double>> out(sums.size());
  for (size_t key = 0; key < sums.size(); ++key) {
    if (weights[key] > 0) out[key] = sums[key] / weights[key];
  }
  return out;
}

std::vector<std::optional<double>> StepSamples::loss_by_timestep(int64_t num_timesteps) const {
  return means(kBands,
               [&](int64_t slot) { return static_cast<int64_t>(at(kTimestep, slot)) * kBands / num_timesteps; });
}

std::vector<std::optional<double>> StepSamples::loss_by_class(int64_t class_count) const {
  return means(class_count, [&](int64_t slot) { return static_cast<int64_t>(at(kClass, slot)); });
}

int64_t training_memory_bytes(at::Device device) {
  if (!device.is_cpu()) {
    const auto statistics = c10::getDeviceAllocator(device.type())->getDeviceStats(device.index());
    return statistics.reserved_bytes[0].peak;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1024;
}

}  // namespace atelier

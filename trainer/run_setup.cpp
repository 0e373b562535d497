#include "trainer/run_setup.h"

#include <ATen/Parallel.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>

#include "configs/base/log.h"
#include "configs/base/thread_pool.h"
#include "models/device.h"

namespace atelier {

at::Device run_device(const TrainOptions& options, const RankInfo& ranks) {
  const at::Device device = choose_device(options.device, "train.device", ranks.local_rank);
  if (!device.is_cpu()) c10::impl::VirtualGuardImpl(device.type()).setDevice(device);
  return device;
}

at::ScalarType choose_compute_type(const TrainOptions& options, at::Device device) {
  if (options.mixed_precision == "no") return at::kFloat;
  if (!device.is_cpu()) return at::kBFloat16;
  log_warning("bf16 is very slow on a CPU: computing in fp32 instead");
  return at::kFloat;
}

void quiet_other_ranks(const RankInfo& ranks) {
  if (!ranks.is_main() && log_level() < LogLevel::kWarning) set_log_level(LogLevel::kWarning);
}

void set_threads(const TrainOptions& options, const RankInfo& ranks) {
  const int64_t share = std::max<int64_t>(1, available_cores() / ranks.local_world_size);
  at::set_num_threads(static_cast<int>(options.num_threads > 0 ? options.num_threads : share));
}

Dataset open_dataset(const RunOptions& run, const RankInfo& ranks) {
  const PlanSetting setting{
      .seed = static_cast<uint64_t>(run.seed), .world_size = ranks.world_size, .side_divisor = side_divisor(run)};
  return Dataset(run.dataset, run.train.batching, setting, manifest_dir(run));
}

}  // namespace atelier

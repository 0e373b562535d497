// What every program that runs networks for a run decides in the same way: device, precision, threads, data.
#pragma once

#include <ATen/core/Tensor.h>

#include "data/dataset.h"
#include "trainer/distributed/rank_info.h"
#include "trainer/options/run_options.h"

namespace atelier {

/// The device of this rank, made current: otherwise every process would also open a context on the first GPU.
at::Device run_device(const TrainOptions& options, const RankInfo& ranks);

/// What the networks compute in: bf16 only on a GPU, with a warning elsewhere.
at::ScalarType choose_compute_type(const TrainOptions& options, at::Device device);

/// What all ranks have to say is said once: but for the first, warnings and errors alone.
void quiet_other_ranks(const RankInfo& ranks);

/// The rank's share of the cores, unless the options say.
void set_threads(const TrainOptions& options, const RankInfo& ranks);

Dataset open_dataset(const RunOptions& run, const RankInfo& ranks);

}  // namespace atelier

// The data of a run, ready: manifest, selection, plan.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "data/manifest/manifest.h"
#include "data/options/batching_options.h"
#include "data/options/dataset_options.h"
#include "data/plan/plan.h"
#include "data/select/select.h"

namespace atelier {

/// What the plan needs to know of the run besides its options.
struct PlanSetting {
  uint64_t seed = 0;
  int64_t world_size = 1;
  int64_t side_divisor = 8;     // px: bucket sides must be multiples of it (8 x 2^(levels of the UNet - 1))
  bool pictures_needed = true;  // false: a dry run; posts without a picture here are planned by their records' sizes
  int64_t first_epoch = 0;      // of a stage that continues after others: pictures go on taking turns from there
};

class Dataset {
 public:
  /// Builds or refreshes the manifest in `manifest_dir`, selects, and plans; shows progress. Safe in several processes
  /// at once: they take turns, and the later ones find the manifest fresh. Errors: ConfigError for a missing path or
  /// wrong options, before anything is scanned where that can be known; DataError when no usable picture is left,
  /// saying why.
  Dataset(const DatasetOptions& options, const BatchingOptions& batching, const PlanSetting& setting,
          const std::filesystem::path& manifest_dir);
  ~Dataset();
  Dataset(Dataset&&) noexcept;

  const Manifest& manifest() const;
  const Selection& selection() const;
  const Plan& plan() const;
  const DatasetOptions& options() const;
  uint64_t seed() const;
  /// What the loss of a sample of manifest row `row` is multiplied by for balance: 1 unless balance is applied as loss
  /// weights; their mean over an epoch's samples is 1.
  double loss_weight(int64_t row) const;
  /// dataset_hash() of all this (data/dataset_hash.h).
  const std::string& hash() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// What balancing, buckets and batches are made of: one row a selected picture, in the manifest's order.
PlanInput plan_input(const Manifest& manifest, const Selection& selection, const DatasetOptions& options);

}  // namespace atelier

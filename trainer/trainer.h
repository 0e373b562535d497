// A run, from its options to its product.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "trainer/distributed/rank_info.h"
#include "trainer/options/run_options.h"

namespace atelier {

struct TrainerSettings {
  std::string resume = "none";  // auto | none | path of a checkpoint
  bool dry_run = false;         // stop before the first step
};

class Trainer {
 public:
  /// Opens the data (scanning what is missing), loads the model, meets the other ranks, resumes. All ranks construct it
  /// with the same arguments. ConfigError, DataError, WeightsError, CheckpointError, MachineError.
  Trainer(const RunOptions& run, const TrainerSettings& settings, const RankInfo& ranks);
  ~Trainer();

  /// Trains to the end and writes the product. After SIGINT or SIGTERM: a checkpoint, then the interruption's Error.
  void run();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace atelier

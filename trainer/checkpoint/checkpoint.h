// Checkpoints: folders that are complete or absent (docs/formats/checkpoint.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <future>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "trainer/flat_store.h"
#include "trainer/optim/optimizer.h"
#include "trainer/training_model.h"

namespace atelier {

/// What must be the same for a run to go on: name -> value, compared one by one at a resume.
using RunFingerprint = std::map<std::string, std::string>;

struct CheckpointState {
  int64_t step = 0;  // optimizer steps done
  int64_t epoch = 0;
  RunFingerprint fingerprint;
};

/// Writes checkpoints of one run in the background, rank 0 only.
class CheckpointWriter {
 public:
  /// `folder`: OUTPUT_DIR/checkpoints. Keeps the newest `keep_last`.
  CheckpointWriter(std::filesystem::path folder, int64_t keep_last);
  /// Waits for the one being written, and logs why if it was not.
  ~CheckpointWriter();

  /// Copies the state and returns; the copy is written to a temporary name, synced and renamed meanwhile. Waits for the
  /// one before. MachineError when the disk has too little room for it.
  void write(const CheckpointState& state, const FlatStore& store, Optimizer& optimizer,
             const std::vector<ComponentFile>& components);
  /// Until the last is on disk; throws what went wrong there.
  void wait();

 private:
  std::filesystem::path folder_;
  int64_t keep_last_;
  std::future<void> writing_;
};

/// The newest complete checkpoint in OUTPUT_DIR/checkpoints, nullopt if there is none.
std::optional<std::filesystem::path> latest_checkpoint(const std::filesystem::path& output_dir);

/// Renames the checkpoints after `step` to "....abandoned", with a warning each: a run that goes on from an earlier one
/// must neither keep nor resume what followed it before.
void set_aside_later_checkpoints(const std::filesystem::path& output_dir, int64_t step);

/// The state of the checkpoint at `folder`; CheckpointError if it is damaged or of another version.
CheckpointState read_checkpoint_state(const std::filesystem::path& folder);

/// Fills master weights and optimizer state, bit for bit as they were saved. CheckpointError naming what is missing.
void load_checkpoint(const std::filesystem::path& folder, FlatStore& store, Optimizer& optimizer,
                     const std::vector<ComponentFile>& components);

/// CheckpointError naming every difference between the saved fingerprint and this run's.
void check_fingerprint(const std::filesystem::path& folder, const RunFingerprint& saved, const RunFingerprint& present);

}  // namespace atelier

// Who may do what in the folder of a cache: locks in its `.lock`, a stretch of cells a shape, then one for what the
// folder has once, then one for whoever reads (docs/formats/cache.md).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "trainer/cache/range_lock.h"
#include "trainer/cache/record_shard.h"

namespace atelier {

/// Two CacheLocks of one process exclude one another as those of two processes do. Holds must not outlive it.
class CacheLocks {
 public:
  /// Makes the folder where it is missing. ConfigError when it cannot be written.
  explicit CacheLocks(std::filesystem::path folder);

  /// Nothing is pruned while this lives. MachineError while somebody prunes.
  RangeLock::Hold reading() const;
  /// The right to write the index or setting.json; waits for it.
  RangeLock::Hold writing_shared_files() const;
  /// The right to make the samples of a shape ("1024x768") in these cells; nullopt while another has some of them.
  std::optional<RangeLock::Hold> claim(const std::string& shape, CellRange cells) const;
  /// All of these at once; nullopt while another holds one.
  std::optional<RangeLock::Hold> everything() const;

 private:
  std::filesystem::path folder_;
  RangeLock locks_;
};

}  // namespace atelier

// OUTPUT_DIR of a run: one writer at a time, and what stands in it.
#pragma once

#include <filesystem>

namespace atelier {

/// Holds OUTPUT_DIR with flock while it lives: a killed run frees it. ConfigError when another run writes it.
class OutputFolderLock {
 public:
  explicit OutputFolderLock(const std::filesystem::path& folder);
  ~OutputFolderLock();
  OutputFolderLock(const OutputFolderLock&) = delete;
  OutputFolderLock& operator=(const OutputFolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

/// Whether a run has trained here before: at least one line of metrics.jsonl.
bool holds_run(const std::filesystem::path& folder);

}  // namespace atelier

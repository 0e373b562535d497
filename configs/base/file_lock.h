// Processes that take turns at a file or folder.
#pragma once

#include <filesystem>

namespace atelier {

/// Waits until no other process holds `path`, an empty file that stays; can be interrupted meanwhile. The kernel lets
/// go when the process ends, however it does. Missing folders are made. ConfigError where it cannot be written.
class FileLock {
 public:
  explicit FileLock(const std::filesystem::path& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace atelier

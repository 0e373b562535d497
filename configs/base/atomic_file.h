// Files and folders that appear whole or not at all: written under a temporary name beside the final one, synced,
// renamed. A leftover of a killed process ("NAME.tmp-PID") is never read and is removed by the next writer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace atelier {

/// One file. Without commit() the destructor removes what was written. Errors: MachineError on a full disk, ConfigError
/// when the folder cannot be written.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view bytes);
  void write(std::span<const std::byte> bytes);
  /// Sync, rename over the final name, sync the folder.
  void commit();

  /// For libraries that write by name or descriptor themselves; commit() then syncs what they wrote.
  const std::filesystem::path& temporary_path() const { return temporary_; }
  int descriptor() const { return descriptor_; }

 private:
  void begin_writeback(size_t written);

  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
  size_t unsynced_ = 0;  // bytes
};

/// AtomicFile in one call.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// One folder: fill `temporary_path()`, then commit(). An existing final folder is an error (checkpoints are never
/// overwritten) unless `replace`.
class AtomicFolder {
 public:
  explicit AtomicFolder(std::filesystem::path path, bool replace = false);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  const std::filesystem::path& temporary_path() const { return temporary_; }
  void commit();

 private:
  std::filesystem::path path_, temporary_;
  bool replace_, committed_ = false;
};

/// Removes "*.tmp-PID" entries in `folder` whose process no longer lives.
void remove_stale_temporaries(const std::filesystem::path& folder);

/// The whole file. ConfigError with the path when it cannot be read.
std::string read_file(const std::filesystem::path& path);

}  // namespace atelier

#include "trainer/cache/cache_locks.h"

#include <utility>

#include "configs/base/error.h"
#include "configs/base/hash.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

constexpr const char* kLockName = ".lock";
constexpr int64_t kShapes = int64_t{1} << 31;
constexpr LockRange kSharedFiles{kShapes * CellRange::kCells, 1};
constexpr LockRange kReaders{kSharedFiles.begin + 1, 1};
constexpr LockRange kEverything{0, kReaders.begin + 1};

fs::path made_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw ConfigError("cannot make the cache's folder: " + error.message(), folder.string());
  return folder;
}

}  // namespace

CacheLocks::CacheLocks(fs::path folder) : folder_(std::move(folder)), locks_(made_folder(folder_) / kLockName) {}

RangeLock::Hold CacheLocks::reading() const {
  std::optional<RangeLock::Hold> hold = locks_.try_shared(kReaders);
  if (!hold) throw MachineError("the cache is being pruned", folder_.string(), "begin again when that is done");
  return std::move(*hold);
}

RangeLock::Hold CacheLocks::writing_shared_files() const { return locks_.exclusive(kSharedFiles); }

std::optional<RangeLock::Hold> CacheLocks::claim(const std::string& shape, CellRange cells) const {
  const auto stretch = static_cast<int64_t>(hash64(shape) % kShapes);
  return locks_.try_exclusive({stretch * CellRange::kCells + cells.first, cells.last - cells.first + 1});
}

std::optional<RangeLock::Hold> CacheLocks::everything() const { return locks_.try_exclusive(kEverything); }

}  // namespace atelier

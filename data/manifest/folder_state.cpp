#include "data/manifest/folder_state.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "configs/base/hash.h"
#include "configs/base/interrupt.h"
#include "configs/base/text.h"
#include "configs/base/thread_pool.h"
#include "data/ingest/picture_probe.h"

namespace atelier {
namespace {

constexpr int64_t kFilesPerTask = 4096;

int64_t nanoseconds(const timespec& time) { return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec; }

}  // namespace

int64_t last_change_ns(const struct stat& status) {
  return std::max(nanoseconds(status.st_mtim), nanoseconds(status.st_ctim));
}

/// An open folder.
struct FolderState::Folder {
  explicit Folder(const std::filesystem::path& where) : path(where), entries(::opendir(where.c_str())) {
    is_known = entries && ::fstat(::dirfd(entries), &status) == 0;
  }
  ~Folder() {
    if (entries) ::closedir(entries);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  /// All that are not hidden; nullopt if they cannot be read.
  std::optional<std::vector<std::string>> names() const {
    std::vector<std::string> found;
    errno = 0;
    while (const dirent* entry = ::readdir(entries)) {
      if (entry->d_name[0] != '.') found.emplace_back(entry->d_name);
    }
    return errno == 0 ? std::optional(std::move(found)) : std::nullopt;
  }

  std::filesystem::path path;
  DIR* entries;
  struct stat status {};
  bool is_known;
};

void FolderState::add_tree(const std::filesystem::path& root) {
  std::set<std::pair<dev_t, ino_t>> visited;
  std::vector<std::filesystem::path> waiting = {root};
  while (!waiting.empty()) {
    check_interrupted();
    const Folder folder(waiting.back());
    waiting.pop_back();
    if (!folder.is_known) {
      is_complete_ = false;
      continue;
    }
    if (!visited.emplace(folder.status.st_dev, folder.status.st_ino).second) continue;
    newest_ = std::max(newest_, nanoseconds(folder.status.st_mtim));  // something may have been removed
    const std::optional<std::vector<std::string>> names = folder.names();
    is_complete_ &= names.has_value();
    std::vector<std::string> folders;
    if (names) add_files(folder, *names, &folders);
    for (const std::string& name : folders) waiting.push_back(folder.path / name);
  }
}

void FolderState::add_pictures(const std::filesystem::path& path) {
  const Folder folder(path);
  if (!folder.is_known) return;
  std::optional<std::vector<std::string>> names = folder.names();
  is_complete_ &= names.has_value();
  if (!names) return;
  std::erase_if(*names, [](const std::string& name) { return !has_picture_suffix(name); });
  add_files(folder, *names, nullptr);
}

/// Adds up what is there; the names of folders go to `folders` as well, whose own size and time say nothing.
void FolderState::add_files(const Folder& folder, const std::vector<std::string>& names,
                            std::vector<std::string>* folders) {
  const auto count = static_cast<int64_t>(names.size());
  const int64_t tasks = (count + kFilesPerTask - 1) / kFilesPerTask;
  std::mutex mutex;
  parallel_for(tasks, 0, [&](int64_t task) {
    uint64_t sums[2] = {0, 0};
    int64_t newest = 0;
    std::vector<std::string> found;
    for (int64_t i = task * kFilesPerTask; i < std::min(count, (task + 1) * kFilesPerTask); ++i) {
      const std::string& name = names[static_cast<size_t>(i)];
      struct stat status {};
      const bool is_there =
          ::fstatat(::dirfd(folder.entries), name.c_str(), &status, 0) == 0;  // else a link to nothing
      const bool is_folder = is_there && S_ISDIR(status.st_mode);
      const int64_t modified_ns = is_folder ? 0 : nanoseconds(status.st_mtim);
      const int64_t facts[] = {static_cast<int64_t>(folder.status.st_ino), static_cast<int64_t>(folder.status.st_dev),
                               static_cast<int64_t>(status.st_ino), is_folder ? -1 : status.st_size, modified_ns,
                               // A file that could not be read may be readable now.
                               static_cast<int64_t>(status.st_mode), static_cast<int64_t>(status.st_uid),
                               static_cast<int64_t>(status.st_gid)};
      const uint64_t of_facts = hash64({reinterpret_cast<const char*>(facts), sizeof facts});
      for (uint64_t i_sum = 0; i_sum < 2; ++i_sum) sums[i_sum] += hash64(name, of_facts + i_sum);
      if (is_folder)
        found.push_back(name);
      else
        newest = std::max(newest, last_change_ns(status));
    }
    const std::lock_guard lock(mutex);
    for (size_t i = 0; i < 2; ++i) sums_[i] += sums[i];
    newest_ = std::max(newest_, newest);
    if (folders) folders->insert(folders->end(), found.begin(), found.end());
  });
}

std::string FolderState::hex() const {
  if (!is_complete_) return {};
  return content_hash({reinterpret_cast<const char*>(sums_), sizeof sums_});
}

}  // namespace atelier

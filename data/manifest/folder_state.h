// What a folder's files are like now, in a few bytes: equal states mean that nothing was added, removed or changed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

struct stat;

namespace atelier {

/// When a file's content changed, or the file itself: one that is moved here keeps its content's time. Nanoseconds
/// since 1970.
int64_t last_change_ns(const struct stat& status);

/// Names, sizes, times of change, permissions and inode numbers of files, those of folders without size and time, added
/// up: in which order they are found does not matter.
class FolderState {
 public:
  /// All files in `folder` and below, as sources read it: hidden files and folders are left out, links are followed, a
  /// folder that several lead to is read once. In parallel: some 2 million files a second and two cores when the kernel
  /// knows them.
  void add_tree(const std::filesystem::path& folder);
  /// The files of `folder` alone whose names end as those of pictures. A folder that is not there has none.
  void add_pictures(const std::filesystem::path& folder);

  /// 32 hex digits; empty if something could not be read.
  std::string hex() const;
  /// When a file was last changed or put where it is, or a folder of a tree had something added or removed;
  /// nanoseconds since 1970.
  int64_t newest_change() const { return newest_; }

 private:
  struct Folder;
  void add_files(const Folder& folder, const std::vector<std::string>& names, std::vector<std::string>* folders);

  uint64_t sums_[2] = {0, 0};
  int64_t newest_ = 0;
  bool is_complete_ = true;
};

}  // namespace atelier

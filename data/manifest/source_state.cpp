#include "data/manifest/source_state.h"

#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <optional>

#include "configs/base/hash.h"
#include "configs/schema/writer.h"
#include "data/files/files.h"
#include "data/manifest/folder_state.h"

namespace atelier {
namespace {

/// The options as text; how often samples are repeated changes nothing in the manifest.
std::string options_text(SourceOptions options) {
  options.repeats = 1;
  options.path = absolute_path(options.path);
  Section section;
  describe(section, options);
  return write_yaml(section);
}

/// Collects what is known of files; `is_known` turns false where nothing can be said.
struct Facts {
  int64_t since;
  ContentHasher hasher{};
  bool is_known = true;

  void add(const FolderState& state) {
    const std::string hex = state.hex();
    is_known &= !hex.empty() && state.newest_change() < since;
    hasher.update_field(hex);
  }

  void add_file(const std::string& path) {
    hasher.update_field(path);
    struct stat status {};
    if (is_remote(path)) {
      const std::optional<FileFacts> facts = file_facts(path);
      is_known &= facts.has_value();
      add_numbers(facts ? facts->size_bytes : 0, facts ? facts->modified_ns : 0, 0);
    } else if (::stat(path.c_str(), &status) == 0) {
      add_numbers(status.st_size, status.st_mtim.tv_sec * int64_t{1'000'000'000} + status.st_mtim.tv_nsec,
                  static_cast<int64_t>(status.st_ino));
      is_known &= last_change_ns(status) < since;
    } else {
      is_known = false;
    }
  }

  /// A folder with all below it, or the files of a pattern; returns the folders that these lie in.
  std::set<std::string> add_files(const std::string& path) {
    std::set<std::string> folders;
    const std::optional<FileFacts> found = file_facts(path);
    if (found && found->is_folder) {
      add_folder(path);
      return folders;
    }
    for (const std::string& file : expand_pattern(path)) {
      add_file(file);
      folders.insert(parent_path(file));
    }
    return folders;
  }

 private:
  void add_folder(const std::string& path) {
    if (is_remote(path)) {
      for (const ListedFile& file : list_files(path)) {
        hasher.update_field(file.name);
        add_numbers(file.size_bytes, file.modified_ns, 0);
      }
      return;
    }
    FolderState state;
    state.add_tree(path);
    add(state);
  }

  void add_numbers(int64_t size_bytes, int64_t modified_ns, int64_t inode) {
    for (const int64_t number : {size_bytes, modified_ns, inode}) hasher.update_number(number);
    is_known &= modified_ns < since;
  }
};

/// Pictures beside posts files: in their folders, in the NNNN folders of the dumps, and where some were found.
void add_pictures_beside(const std::set<std::string>& posts_folders, std::set<std::string> folders, Facts& facts) {
  for (const std::string& folder : posts_folders) {
    folders.insert(folder);
    for (int i = 0; i < 1000; ++i) {
      std::array<char, 8> name;
      std::snprintf(name.data(), name.size(), "%04d", i);
      folders.insert(join_path(folder, name.data()));
    }
  }
  FolderState state;
  for (const std::string& each : folders) state.add_pictures(each);
  facts.add(state);
}

}  // namespace

SourceState source_state(const SourceOptions& options, std::set<std::string> picture_folders, int64_t since) {
  Facts facts{since};
  SourceState state;
  facts.hasher.update_field(options_text(options));
  const std::string path = absolute_path(options.path);
  const std::set<std::string> posts_folders = facts.add_files(path);
  if (options.image_dir) {
    facts.add_files(absolute_path(*options.image_dir));
  } else if (!posts_folders.empty() && !is_remote(path)) {
    add_pictures_beside(posts_folders, picture_folders, facts);
    state.picture_folders = std::move(picture_folders);
  }
  if (facts.is_known) state.hash = facts.hasher.hex();
  return state;
}

}  // namespace atelier

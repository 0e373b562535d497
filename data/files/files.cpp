#include "data/files/files.h"

#include <arrow/filesystem/filesystem.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/interrupt.h"
#include "configs/base/text.h"
#include "data/files/remote.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// Where the `?...` of a remote path begins; the length if there is none.
size_t path_end(std::string_view path) {
  return is_remote(path) ? std::min(path.rfind('?'), path.size()) : path.size();
}

int64_t nanoseconds(const struct stat& status) {
  return status.st_mtim.tv_sec * int64_t{1'000'000'000} + status.st_mtim.tv_nsec;
}

/// Collects the files below a local folder, each folder once however many links lead to it.
class Walk {
 public:
  Walk(fs::path root, bool recursive) : root_(std::move(root)), recursive_(recursive) {
    visit(root_);
    std::ranges::sort(files_, {}, &ListedFile::name);
  }
  std::vector<ListedFile> take() { return std::move(files_); }

 private:
  void visit(const fs::path& folder) {
    check_interrupted();
    struct stat status;
    if (stat(folder.c_str(), &status) != 0 || !visited_.emplace(status.st_dev, status.st_ino).second) return;
    std::error_code error;
    std::vector<fs::path> folders;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
      const fs::path& path = entry->path();
      if (path.filename().string().starts_with('.')) continue;
      std::error_code ignored;
      if (entry->is_directory(ignored))
        folders.push_back(path);
      else
        files_.push_back({path.lexically_relative(root_).string()});
    }
    if (error) throw ConfigError("folder cannot be read: " + error.message(), folder.string(), "check its permissions");
    if (!recursive_) return;
    std::ranges::sort(folders);  // which of several links counts must not depend on the file system
    for (const fs::path& inner : folders) visit(inner);
  }

  fs::path root_;
  bool recursive_;
  std::vector<ListedFile> files_;
  std::set<std::pair<dev_t, ino_t>> visited_;
};

std::vector<ListedFile> list_remote(const std::string& folder, bool recursive) {
  const RemotePath remote = open_remote(folder);
  arrow::fs::FileSelector selector;
  selector.base_dir = remote.path;
  while (selector.base_dir.ends_with('/')) selector.base_dir.pop_back();
  selector.recursive = recursive;
  const auto found = remote.system->GetFileInfo(selector);
  if (!found.ok()) throw ConfigError("folder cannot be read: " + found.status().message(), folder);
  std::vector<ListedFile> files;
  for (const arrow::fs::FileInfo& info : *found) {
    std::string name = info.path().substr(selector.base_dir.size() + 1);
    if (!info.IsFile() || is_hidden(name)) continue;
    files.push_back({std::move(name), info.size(), info.mtime().time_since_epoch().count()});
  }
  std::ranges::sort(files, {}, &ListedFile::name);
  return files;
}

}  // namespace

bool is_hidden(std::string_view name) { return name.starts_with('.') || name.find("/.") != std::string_view::npos; }

bool is_remote(std::string_view path) { return path.starts_with("s3://"); }

std::string join_path(std::string_view folder, std::string_view name) {
  const size_t end = path_end(folder);
  std::string_view base = folder.substr(0, end);
  while (base.size() > 1 && base.ends_with('/')) base.remove_suffix(1);
  return text(base, base.ends_with('/') ? "" : "/", name, folder.substr(end));
}

std::string parent_path(std::string_view path) {
  const size_t end = path_end(path);
  const size_t slash = path.substr(0, end).rfind('/');
  if (slash == std::string_view::npos) return ".";
  return text(path.substr(0, std::max<size_t>(slash, 1)), path.substr(end));
}

std::string file_name(std::string_view path) {
  path = path.substr(0, path_end(path));
  const size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

std::string name_below(std::string_view folder, std::string_view path) {
  folder = folder.substr(0, path_end(folder));
  while (folder.ends_with('/')) folder.remove_suffix(1);
  const std::string_view plain = path.substr(0, path_end(path));
  const bool is_below = plain.starts_with(folder) && plain.substr(folder.size()).starts_with('/');
  return is_below ? std::string(plain.substr(folder.size() + 1)) : file_name(path);
}

std::string file_suffix(std::string_view path) { return lower_ascii(fs::path(file_name(path)).extension().string()); }

std::string absolute_path(const std::string& path) {
  if (is_remote(path)) return path;
  std::string absolute = fs::absolute(path).lexically_normal().string();
  while (absolute.size() > 1 && absolute.ends_with('/')) absolute.pop_back();
  return absolute;
}

std::optional<FileFacts> file_facts(const std::string& path) {
  if (!is_remote(path)) {
    struct stat status;
    if (stat(path.c_str(), &status) != 0) return std::nullopt;
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return std::nullopt;
    return FileFacts{status.st_size, nanoseconds(status), S_ISDIR(status.st_mode)};
  }
  const RemotePath remote = open_remote(path);
  const auto info = remote.system->GetFileInfo(remote.path);
  if (!info.ok()) throw ConfigError("cannot ask the store: " + info.status().message(), path);
  if (info->type() == arrow::fs::FileType::NotFound) return std::nullopt;
  return FileFacts{info->size(), info->mtime().time_since_epoch().count(), info->IsDirectory()};
}

std::vector<ListedFile> list_files(const std::string& folder) {
  return is_remote(folder) ? list_remote(folder, true) : Walk(folder, true).take();
}

std::vector<ListedFile> list_folder(const std::string& folder) {
  return is_remote(folder) ? list_remote(folder, false) : Walk(folder, false).take();
}

}  // namespace atelier

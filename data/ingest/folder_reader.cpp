#include "data/ingest/folder_reader.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/ingest/caption_file.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kFilesPerPart = 256;

/// Collects the files below `folder`, each folder once however many links lead to it.
class Walk {
 public:
  Walk(fs::path root, std::string caption_extension) : root_(std::move(root)), skip_(std::move(caption_extension)) {
    visit(root_);
    std::ranges::sort(files_);
  }
  std::vector<std::string> take() { return std::move(files_); }

 private:
  void visit(const fs::path& folder) {
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
      else if (!path.filename().string().ends_with(skip_))
        files_.push_back(path.lexically_relative(root_).string());
    }
    if (error) throw ConfigError("folder cannot be read: " + error.message(), folder.string(), "check its permissions");
    std::ranges::sort(folders);  // which of several links counts must not depend on the file system
    for (const fs::path& inner : folders) visit(inner);
  }

  fs::path root_;
  std::string skip_;
  std::vector<std::string> files_;
  std::set<std::pair<dev_t, ino_t>> visited_;
};

/// A name that is no UTF-8, made fit for reports.
std::string printable(const std::string& name) {
  std::string shown;
  for (const char c : name) shown += static_cast<unsigned char>(c) < 128 ? std::string(1, c) : "?";
  return shown;
}

}  // namespace

FolderReader::FolderReader(const SourceOptions& options)
    : root_(fs::absolute(options.path).lexically_normal()), caption_extension_(options.caption_extension) {
  if (!caption_extension_.starts_with('.')) caption_extension_.insert(0, ".");
  files_ = Walk(root_, caption_extension_).take();
}

int64_t FolderReader::part_count() const {
  return (static_cast<int64_t>(files_.size()) + kFilesPerPart - 1) / kFilesPerPart;
}

int64_t FolderReader::part_size(int64_t part) const {
  return std::min(kFilesPerPart, static_cast<int64_t>(files_.size()) - part * kFilesPerPart);
}

PostBatch FolderReader::read(int64_t part, const PictureProbe& probe) const {
  PostBatch batch;
  const int64_t begin = part * kFilesPerPart;
  for (int64_t i = begin; i < begin + part_size(part); ++i) read_file(files_[static_cast<size_t>(i)], probe, batch);
  return batch;
}

void FolderReader::read_file(const std::string& id, const PictureProbe& probe, PostBatch& batch) const {
  const fs::path path = root_ / id;
  const bool named_as_picture = has_picture_suffix(path);
  if (!is_valid_utf8(id)) {
    if (named_as_picture)
      batch.bad.push_back({printable(id), 0, "name_not_utf8", ""});
    else
      ++batch.other_files;
    return;
  }
  Post post;
  post.id = id;
  try {
    std::optional<PictureFile> picture = probe.probe(path);
    if (!picture) throw DataError("link to nothing, or no regular file");
    post.picture = std::move(*picture);
  } catch (const DataError& error) {
    if (named_as_picture)
      batch.bad.push_back({id, 0, "picture_unreadable", error.summary()});
    else
      ++batch.other_files;
    return;
  }
  post.width = post.picture.info.width;
  post.height = post.picture.info.height;
  try {
    std::optional<CaptionFile> caption = read_caption_file(fs::path(path).replace_extension(caption_extension_));
    batch.without_caption += !caption;
    if (caption) {
      post.caption = std::move(caption->caption);
      post.further_captions = std::move(caption->further_captions);
    }
  } catch (const DataError& error) {
    batch.bad.push_back({id, 0, error.summary(), error.where()});
    return;
  }
  for (const std::string& tag : caption_tags(post.caption)) {
    const int32_t tag_id = batch.tags.intern(tag);
    if (std::ranges::find(post.tags, tag_id) == post.tags.end()) post.tags.push_back(tag_id);
  }
  batch.posts.push_back(std::move(post));
}

}  // namespace atelier

#include "data/ingest/picture_finder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/hash.h"
#include "configs/base/thread_pool.h"
#include "data/ingest/tar_file.h"

namespace atelier {
namespace {

/// The dumps keep pictures by id modulo 1000.
std::string dump_folder(const std::string& id) {
  int64_t number = 0;
  if (std::from_chars(id.data(), id.data() + id.size(), number).ec != std::errc() || number < 0) return {};
  std::array<char, 16> folder;
  std::snprintf(folder.data(), folder.size(), "%04d/", static_cast<int>(number % 1000));
  return folder.data();
}

/// The names under which the picture may lie, the likeliest first.
std::vector<std::string> candidates(const PostRecord& record, bool dump_folders) {
  std::vector<std::string> names;
  if (!record.file_name.empty()) {
    names.push_back(record.file_name);
    if (!has_picture_suffix(record.file_name)) {  // sd-scripts' keys may lack it
      for (const char* suffix : {".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp"}) {
        names.push_back(record.file_name + suffix);
      }
    }
  }
  if (record.file_extension.empty()) return names;
  const Post& post = record.post;
  const std::string suffix = "." + record.file_extension;
  if (!post.md5.empty()) names.push_back(post.md5 + suffix);
  if (!post.id.empty()) {
    names.push_back(post.id + suffix);
    const std::string folder = dump_folders ? dump_folder(post.id) : "";
    if (!folder.empty()) names.push_back(folder + post.id + suffix);
  }
  return names;
}

}  // namespace

PictureFinder::PictureFinder(std::string folder) : folder_(std::move(folder)) {
  if (!is_remote(folder_)) look_around();
}

PictureFinder::PictureFinder(const SourceOptions& options) : folder_(absolute_path(*options.image_dir)) {
  const auto is_tar = [](const std::string& name) { return file_suffix(name) == ".tar"; };
  const std::optional<FileFacts> facts = file_facts(folder_);
  if (!facts || !facts->is_folder) {
    const std::vector<std::string> tars = expand_pattern(folder_);
    if (!std::ranges::all_of(tars, is_tar) || !file_facts(tars.front())) {
      throw ConfigError("no such folder", folder_, "correct image_dir of this source");
    }
    index_tars(tars);
    return;
  }
  std::vector<std::string> tars;
  for (const ListedFile& file : list_folder(folder_)) {
    if (is_tar(file.name)) tars.push_back(join_path(folder_, file.name));
  }
  if (!tars.empty())
    index_tars(tars);
  else if (is_remote(folder_))
    index_remote_folder();
  else
    look_around();
}

void PictureFinder::look_around() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    std::error_code ignored;
    const std::string name = entry.path().filename().string();
    if (entry.is_directory(ignored)) {
      has_folders_ = true;
      has_dump_folders_ |= name.size() == 4 && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
    } else {
      has_pictures_ |= has_picture_suffix(name);
    }
    if (has_pictures_ && has_dump_folders_) return;
  }
}

void PictureFinder::index_tars(const std::vector<std::string>& tars) {
  indexed_ = true;
  std::vector<std::vector<Indexed>> found(tars.size());
  files_.resize(tars.size());
  parallel_for(static_cast<int64_t>(tars.size()), 0, [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    const std::unique_ptr<FileBytes> bytes = open_file(tars[at]);
    files_[at] = {tars[at], file_facts(tars[at]).value_or(FileFacts()).modified_ns};
    // Of a damaged one what it still holds is found; the other posts stay without a picture.
    for (const TarMember& member : list_tar(tars[at], *bytes).members) {
      if (!has_picture_suffix(member.name)) continue;
      found[at].push_back({hash64(file_name(member.name)), static_cast<uint32_t>(i), member.offset, member.size_bytes});
    }
  });
  for (const auto& part : found) index_.insert(index_.end(), part.begin(), part.end());
  std::ranges::stable_sort(index_, {}, &Indexed::name_hash);
}

void PictureFinder::index_remote_folder() {
  indexed_ = true;
  for (const ListedFile& file : list_files(folder_)) {
    if (!has_picture_suffix(file.name)) continue;
    index_.push_back({hash64(file.name), static_cast<uint32_t>(files_.size()), 0, file.size_bytes});
    files_.push_back({join_path(folder_, file.name), file.modified_ns});
  }
  std::ranges::stable_sort(index_, {}, &Indexed::name_hash);
}

std::optional<PictureFile> PictureFinder::look_up(const std::string& name, const PictureProbe& probe) const {
  if (name.starts_with('/')) {
    if (std::optional<PictureFile> picture = probe.probe(name)) return picture;
    return look_up(file_name(name), probe);  // of a folder that has moved since
  }
  if (!indexed_) {
    const bool below = name.find('/') != std::string::npos;
    return (below ? has_folders_ : has_pictures_) ? probe.probe(join_path(folder_, name)) : std::nullopt;
  }
  const auto found = std::ranges::lower_bound(index_, hash64(name), {}, &Indexed::name_hash);
  if (found == index_.end() || found->name_hash != hash64(name)) return std::nullopt;
  const File& file = files_[found->file];
  PictureFile place;
  place.path = file.path;
  place.offset = found->offset;
  place.size_bytes = found->size_bytes;
  place.modified_ns = file.modified_ns;
  return probe.probe(std::move(place));
}

void PictureFinder::find(PostRecord& record, const PictureProbe& probe) const {
  const bool anywhere = indexed_ || has_pictures_ || has_folders_ || record.file_name.starts_with('/');
  if (!anywhere) return;
  for (const std::string& candidate : candidates(record, indexed_ || has_dump_folders_)) {
    try {
      std::optional<PictureFile> picture = look_up(candidate, probe);
      if (!picture) continue;
      record.post.picture = std::move(*picture);
      record.post.width = record.post.picture.info.width;
      record.post.height = record.post.picture.info.height;
      return;
    } catch (const DataError& error) {
      throw DataError("picture_unreadable", error.summary());
    }
  }
}

PictureFinders::PictureFinders(const SourceOptions& options, const std::vector<std::string>& posts_files) {
  if (options.image_dir) {
    image_dir_.emplace(options);
    return;
  }
  for (const std::string& file : posts_files) {
    const std::string folder = parent_path(file);
    by_folder_.try_emplace(folder, folder);
  }
}

const PictureFinder& PictureFinders::of(const std::string& posts_file) const {
  return image_dir_ ? *image_dir_ : by_folder_.at(parent_path(posts_file));
}

}  // namespace atelier

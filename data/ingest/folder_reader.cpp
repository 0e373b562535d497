#include "data/ingest/folder_reader.h"

#include <algorithm>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

constexpr int64_t kFilesPerPart = 256;
constexpr int64_t kMaxRecordBytes = 16 << 20;

/// A name that is no UTF-8, made fit for reports.
std::string printable(const std::string& name) {
  std::string shown;
  for (const char c : name) shown += static_cast<unsigned char>(c) < 128 ? std::string(1, c) : "?";
  return shown;
}

std::string read_record(const std::string& path) {
  try {
    return read_small_file(path, kMaxRecordBytes);
  } catch (const DataError& error) {
    throw DataError("record_unreadable", path + ": " + error.summary());
  }
}

}  // namespace

FolderReader::FolderReader(const SourceOptions& options)
    : root_(absolute_path(options.path)), caption_suffixes_(caption_suffixes(options)) {
  for (ListedFile& file : list_files(root_)) {
    if (is_text_name(file.name, caption_suffixes_))
      texts_.push_back(std::move(file.name));
    else
      files_.push_back(std::move(file));
  }
}

int64_t FolderReader::part_count() const {
  return (static_cast<int64_t>(files_.size()) + kFilesPerPart - 1) / kFilesPerPart;
}

int64_t FolderReader::part_size(int64_t part) const {
  return std::min(kFilesPerPart, static_cast<int64_t>(files_.size()) - part * kFilesPerPart);
}

PostBatch FolderReader::read(int64_t part, const PictureProbe& probe) const {
  PostBatch batch;
  JsonRecords records;
  const int64_t begin = part * kFilesPerPart;
  for (int64_t i = begin; i < begin + part_size(part); ++i) {
    read_file(files_[static_cast<size_t>(i)], probe, records, batch);
  }
  return batch;
}

void FolderReader::read_file(const ListedFile& file, const PictureProbe& probe, JsonRecords& records,
                             PostBatch& batch) const {
  const std::string& id = file.name;
  const bool named_as_picture = has_picture_suffix(id);
  if (!is_valid_utf8(id)) {
    if (named_as_picture)
      batch.bad.push_back({printable(id), 0, "name_not_utf8", ""});
    else
      ++batch.other_files;
    return;
  }
  std::optional<PictureFile> picture;
  try {
    picture = find_picture(file, probe);
    if (!picture) throw DataError("link to nothing, or no regular file");
  } catch (const DataError& error) {
    if (named_as_picture)
      batch.bad.push_back({id, 0, "picture_unreadable", error.summary()});
    else
      ++batch.other_files;
    return;
  }
  try {
    add_picture_post(id, std::move(*picture), read_texts(id), records, batch);
  } catch (const DataError& error) {
    batch.bad.push_back({id, 0, error.summary(), error.where()});
  }
}

std::optional<PictureFile> FolderReader::find_picture(const ListedFile& file, const PictureProbe& probe) const {
  const std::string path = join_path(root_, file.name);
  if (file.size_bytes < 0) return probe.probe(path);
  if (!has_picture_suffix(file.name)) return std::nullopt;  // far away, content is only asked of what may be a picture
  PictureFile place;
  place.path = path;
  place.size_bytes = file.size_bytes;
  place.modified_ns = file.modified_ns;
  return probe.probe(std::move(place));
}

PictureTexts FolderReader::read_texts(const std::string& id) const {
  PictureTexts texts;
  for (const std::string& suffix : caption_suffixes_) {
    const std::string name = without_suffix(id) + suffix;
    if (texts.caption || !has_text(name)) continue;
    texts.caption = read_caption_file(join_path(root_, name));
  }
  for (const std::string& name : record_names(id)) {
    if (!texts.record && has_text(name)) texts.record = read_record(join_path(root_, name));
  }
  return texts;
}

bool FolderReader::has_text(const std::string& name) const { return std::ranges::binary_search(texts_, name); }

}  // namespace atelier

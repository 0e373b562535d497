// A folder of pictures with their texts beside them.
#pragma once

#include <string>
#include <vector>

#include "data/files/files.h"
#include "data/ingest/json_record.h"
#include "data/ingest/picture_post.h"
#include "data/ingest/source_reader.h"

namespace atelier {

/// Ids are paths relative to the folder. Subfolders are read, hidden files and folders are not; a folder that links
/// lead to more than once is read once. What is a picture is told by content, not by suffix.
class FolderReader : public SourceReader {
 public:
  /// ConfigError if the folder cannot be read.
  explicit FolderReader(const SourceOptions& options);

  std::string_view kind() const override { return "folder"; }
  int64_t part_count() const override;
  int64_t part_size(int64_t part) const override;
  PostBatch read(int64_t part, const PictureProbe& probe) const override;

 private:
  void read_file(const ListedFile& file, const PictureProbe& probe, JsonRecords& records, PostBatch& batch) const;
  std::optional<PictureFile> find_picture(const ListedFile& file, const PictureProbe& probe) const;
  PictureTexts read_texts(const std::string& id) const;
  bool has_text(const std::string& name) const;

  std::string root_;
  std::vector<std::string> caption_suffixes_;
  std::vector<ListedFile> files_;   // without captions and records
  std::vector<std::string> texts_;  // captions and records, sorted
};

}  // namespace atelier

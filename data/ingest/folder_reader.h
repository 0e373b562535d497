// A folder of pictures with caption files beside them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

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
  void read_file(const std::string& id, const PictureProbe& probe, PostBatch& batch) const;

  std::filesystem::path root_;
  std::string caption_extension_;
  std::vector<std::string> files_;  // relative, sorted, without caption files
};

}  // namespace atelier

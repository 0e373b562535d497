// Posts as JSON lines: Danbooru's API shape, and the dumps of 2017-2021 whose numbers are texts.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "configs/base/mapped_file.h"
#include "data/ingest/source_reader.h"

namespace atelier {

class PostRecord;

/// Pictures are looked for in `image_dir`, else beside the file; posts without one are fine.
class PostsJsonlReader : public SourceReader {
 public:
  /// ConfigError if the file cannot be read, or `image_dir` is no folder.
  explicit PostsJsonlReader(const SourceOptions& options);

  std::string_view kind() const override { return "posts jsonl"; }
  int64_t part_count() const override { return static_cast<int64_t>(begins_.size()) - 1; }
  int64_t part_size(int64_t part) const override;
  PostBatch read(int64_t part, const PictureProbe& probe) const override;

 private:
  void find_picture(const PostRecord& record, const PictureProbe& probe, Post& post) const;

  std::filesystem::path image_dir_;
  std::unique_ptr<MappedFile> file_;
  std::string_view text_;
  std::vector<size_t> begins_;  // of the parts, each at the start of a line; and the end
};

}  // namespace atelier

// sd-scripts' metadata JSON, one object keyed by picture, and pages of an API: one array of posts.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/files/file_bytes.h"
#include "data/ingest/picture_finder.h"
#include "data/ingest/source_reader.h"

namespace atelier {

/// Keys are paths of pictures, or their names without suffix; they are the ids. What is trained on is the caption, then
/// the tags, as sd-scripts joins them; bucket sizes that it has noted are not used.
class PostsJsonReader : public SourceReader {
 public:
  /// ConfigError if the file cannot be read, or is not one object or one array.
  explicit PostsJsonReader(const SourceOptions& options);

  std::string_view kind() const override { return "posts json"; }
  int64_t part_count() const override { return static_cast<int64_t>(begins_.size()) - 1; }
  int64_t part_size(int64_t part) const override;
  PostBatch read(int64_t part, const PictureProbe& probe) const override;

 private:
  std::string path_;
  std::unique_ptr<FileBytes> file_;
  std::string buffer_;  // of a file that is not mapped
  std::string_view text_;
  std::vector<size_t> begins_;  // of the parts, each at the start of an entry; and the end
  bool complete_ = true;
  PictureFinders pictures_;
};

}  // namespace atelier

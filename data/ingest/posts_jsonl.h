// Posts as JSON lines: Danbooru's API shape, the dumps of 2017-2021 whose numbers are texts, sd-scripts' JSONL.
#pragma once

#include "data/ingest/picture_finder.h"
#include "data/ingest/source_reader.h"
#include "data/ingest/text_parts.h"

namespace atelier {

/// Posts without a picture are fine.
class PostsJsonlReader : public SourceReader {
 public:
  /// ConfigError if the file cannot be read, or `image_dir` is no folder.
  explicit PostsJsonlReader(const SourceOptions& options);

  std::string_view kind() const override { return "posts jsonl"; }
  int64_t part_count() const override { return parts_.count(); }
  int64_t part_size(int64_t part) const override { return parts_.size_kib(part); }
  PostBatch read(int64_t part, const PictureProbe& probe) const override;

 private:
  TextParts parts_;
  PictureFinders pictures_;
};

}  // namespace atelier

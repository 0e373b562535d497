// Posts as Parquet tables.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/ingest/picture_finder.h"
#include "data/ingest/source_reader.h"

namespace atelier {

/// Of the columns only those whose names mean something are read. A part is some thousand rows of a row group, decoded
/// as a stream: a row group as large as its file needs no more memory than another.
class PostsParquetReader : public SourceReader {
 public:
  /// A file, a pattern, or a folder of files. ConfigError if there is none, or none has a column that is known;
  /// DataError if the only one is damaged. Of several, damaged ones are reported by the part that stands for them.
  explicit PostsParquetReader(const SourceOptions& options);
  ~PostsParquetReader() override;

  std::string_view kind() const override { return "posts parquet"; }
  int64_t part_count() const override;
  int64_t part_size(int64_t part) const override;
  PostBatch read(int64_t part, const PictureProbe& probe) const override;

 private:
  struct Table;
  struct RowGroup;
  struct Part {
    uint32_t row_group;
    int64_t slice;
  };

  std::vector<std::string> paths_;
  std::vector<std::unique_ptr<Table>> tables_;
  std::vector<std::unique_ptr<RowGroup>> row_groups_;
  std::vector<Part> parts_;
  PictureFinders pictures_;
};

}  // namespace atelier

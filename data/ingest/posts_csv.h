// Posts as CSV tables: e621's exports, metadata.csv beside pictures.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "data/ingest/picture_finder.h"
#include "data/ingest/source_reader.h"
#include "data/ingest/text_parts.h"

namespace atelier {

/// RFC 4180: the first record names the columns; fields in quotes may hold separators, line ends and doubled quotes.
/// Tabs separate the fields of .tsv.
class PostsCsvReader : public SourceReader {
 public:
  /// ConfigError if the file cannot be read, or no column has a name that is known.
  explicit PostsCsvReader(const SourceOptions& options);

  std::string_view kind() const override { return "posts csv"; }
  int64_t part_count() const override { return parts_.count(); }
  int64_t part_size(int64_t part) const override { return parts_.size_kib(part); }
  PostBatch read(int64_t part, const PictureProbe& probe) const override;

 private:
  struct Header {
    std::vector<std::optional<PostColumn>> columns;
    std::vector<std::string> names;
    bool s_is_safe = false;  // of e621, whose ratings have always been s, q, e
  };
  Header read_header(int64_t part) const;
  PostRecord read_row(const Header& header, const std::vector<std::string_view>& fields) const;

  char separator_;
  TextParts parts_;
  PictureFinders pictures_;
};

}  // namespace atelier

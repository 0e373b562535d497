// Pictures in tars (WebDataset), read where they lie.
#pragma once

#include <string>
#include <vector>

#include "data/ingest/picture_post.h"
#include "data/ingest/source_reader.h"
#include "data/ingest/tar_file.h"

namespace atelier {

/// A sample is the members of one key, which stand together: their path up to the first dot of its last name. Ids are
/// `NAME.tar!member`, the member being the picture; of tars in several folders NAME.tar is `FOLDER/NAME.tar`.
class TarReader : public SourceReader {
 public:
  /// One tar, a pattern, or a folder of tars. ConfigError if there is none.
  explicit TarReader(const SourceOptions& options);

  std::string_view kind() const override { return "tar"; }
  int64_t part_count() const override { return static_cast<int64_t>(tars_.size()); }
  int64_t part_size(int64_t part) const override;
  PostBatch read(int64_t part, const PictureProbe& probe) const override;

 private:
  std::vector<std::string> tars_, names_;
  std::vector<int64_t> sizes_, modified_ns_;
  std::vector<std::string> caption_suffixes_;
};

}  // namespace atelier

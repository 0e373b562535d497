// What every kind of source offers: its posts, in parts that threads read independently.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/ingest/picture_probe.h"
#include "data/options/source_options.h"
#include "data/post/post.h"
#include "data/post/tag_dictionary.h"

namespace atelier {

/// A sample that cannot be taken in, or several at once.
struct BadSample {
  std::string id;          // empty: known by its place only
  int64_t line = 0;        // of a text file, from 1 within the part; 0: not out of one
  std::string reason;      // a word for counting: "bad_json"
  std::string detail;      // what exactly
  std::string place = {};  // where, if neither id nor line say it: "posts-3.parquet, row 17", "offset 1536"
  int64_t samples = 1;     // lost with it; of a file's damage as far as it is known
};

/// What one part of a source held, in its order.
struct PostBatch {
  TagDictionary tags;  // of this part alone
  std::vector<Post> posts;
  std::vector<BadSample> bad;
  std::string file;         // which of a source's several text files: lines are counted on from its last part
  int64_t lines = 0;        // of a text file
  int64_t other_files = 0;  // of a folder or tar: neither pictures nor captions
  int64_t without_caption = 0;
};

class SourceReader {
 public:
  virtual ~SourceReader() = default;
  /// "folder", "tar", "posts jsonl", "posts json", "posts parquet", "posts sqlite", "posts csv".
  virtual std::string_view kind() const = 0;
  virtual int64_t part_count() const = 0;
  /// How much a part holds, for progress: files of a folder, else KiB.
  virtual int64_t part_size(int64_t part) const = 0;
  /// At most some 10,000 posts or 16 MB, but all of a tar. Thread-safe; best in order. `probe` knows the pictures that
  /// need no opening.
  virtual PostBatch read(int64_t part, const PictureProbe& probe) const = 0;
};

/// The reader for what `options.path` is. ConfigError if nothing is there or no reader knows it.
std::unique_ptr<SourceReader> open_source(const SourceOptions& options);

}  // namespace atelier

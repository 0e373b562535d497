// Posts as tables of an SQLite data base.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "data/ingest/picture_finder.h"
#include "data/ingest/source_reader.h"

namespace atelier {

class Database;

/// A table `posts` or `post` (else the only one with columns that are known), tags as columns of texts; or the
/// relations of Kohaku's data base: `post`, `tag`, `posttagrelation`. Every part has a connection of its own.
class PostsSqliteReader : public SourceReader {
 public:
  /// ConfigError if it is no such data base, or locked.
  explicit PostsSqliteReader(const SourceOptions& options);

  std::string_view kind() const override { return "posts sqlite"; }
  int64_t part_count() const override { return static_cast<int64_t>(begins_.size()) - 1; }
  int64_t part_size(int64_t /*part*/) const override { return part_kib_; }
  PostBatch read(int64_t part, const PictureProbe& probe) const override;

 private:
  struct Tag {
    std::string name;
    std::optional<TagCategory> category;
  };
  class Relations;

  void find_columns(const Database& database);
  void check_relations(const Database& database) const;
  void find_parts(const Database& database);
  void read_tags(const Database& database);
  void read_rows(const Database& database, int64_t part, const PictureProbe& probe, PostBatch& batch) const;

  std::string path_, table_;
  std::vector<std::pair<std::string, PostColumn>> columns_;
  bool related_ = false;  // tags in tables of their own
  std::unordered_map<int64_t, Tag> tags_;
  std::vector<int64_t> begins_;  // rowids at which parts begin, and the one behind the last
  int64_t part_kib_ = 0;
  PictureFinders pictures_;
};

}  // namespace atelier

// The manifest: what is known of every post, in memory-mapped Arrow columns (docs/formats/manifest.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/post/person_class.h"
#include "data/post/post.h"
#include "data/post/tag_dictionary.h"

namespace atelier {

/// What became of one source. `read` = rows + quarantined + excluded for minors.
struct SourceSummary {
  std::string path;
  std::string kind;           // "folder", "posts jsonl"
  std::string rating_scheme;  // "old", "modern": as decided
  int64_t read = 0;           // pictures of a folder, lines of a posts file
  int64_t rows = 0;
  int64_t excluded_minors = 0;                 // posts that sexualise minors: counted, never listed
  std::map<std::string, int64_t> quarantined;  // reason -> samples
  int64_t without_picture = 0;                 // rows
  int64_t without_caption = 0;                 // rows of a folder whose picture has no caption file
  int64_t further_caption_lines = 0;           // not used
  int64_t truncated = 0, animated = 0;         // rows: used, and counted
  int64_t other_files = 0;                     // of a folder: neither pictures nor captions
};

struct ManifestSummary {
  /// Of what training sees, not of paths and times of change: the same pictures elsewhere are the same dataset.
  std::string content_hash;
  std::vector<SourceSummary> sources;

  SourceSummary total() const;
};

/// One sample that could not be taken in, and why. `id` may be "line 17".
struct Quarantined {
  std::string source, id, reason, detail;
  int64_t samples = 1;  // more where a part of a file is damaged
};

struct ManifestParts;

/// A column of numbers, some of which may be missing (and are 0 then).
template <typename T>
struct OptionalColumn {
  std::span<const T> values;
  const uint8_t* known = nullptr;  // bits, the lowest first; nullptr: all are
  int64_t known_offset = 0;        // bits before the first

  bool has(int64_t i) const { return !known || (known[(known_offset + i) / 8] >> ((known_offset + i) % 8) & 1); }
};

/// One column of tags: those of row i are ids[ends[i]] and on, up to ids[ends[i + 1]].
struct TagColumn {
  std::span<const int32_t> ends;  // one more than rows
  const int32_t* ids = nullptr;

  std::span<const int32_t> at(int64_t i) const {
    const auto row = static_cast<size_t>(i);
    return {ids + ends[row], static_cast<size_t>(ends[row + 1] - ends[row])};
  }
};

/// Successive rows as plain memory, for code that goes through all of them: an element a row.
struct ManifestBatch {
  int64_t first_row = 0, rows = 0;
  std::span<const int32_t> source, width, height;
  std::span<const int8_t> format, rating, person_class, group_size;  // numbers of the enumerations
  OptionalColumn<int64_t> created_at;
  OptionalColumn<int32_t> score, fav_count;
  std::array<TagColumn, kTagCategoryCount> tags;  // by category
};

/// Rows are posts, in the order of their sources. Row access is a few loads; views live as long as the manifest.
class Manifest {
 public:
  /// Maps the manifest in `folder`. DataError if there is none, it is damaged, or of another version.
  explicit Manifest(const std::filesystem::path& folder);
  explicit Manifest(ManifestParts parts);
  ~Manifest();
  Manifest(Manifest&&) noexcept;
  Manifest& operator=(Manifest&&) noexcept;

  int64_t size() const;
  const ManifestSummary& summary() const;
  const TagDictionary& dictionary() const;
  const ManifestParts& parts() const;

  /// All rows, batch by batch. Thread-safe, as everything here.
  int64_t batch_count() const;
  ManifestBatch batch(int64_t index) const;
  /// The batch's pages need not stay in memory; they are mapped, and come back when they are asked for.
  void release(int64_t batch) const;

  std::string_view id(int64_t row) const;
  int32_t source(int64_t row) const;         // index into summary().sources
  std::string_view path(int64_t row) const;  // absolute; empty: no picture
  int32_t width(int64_t row) const;          // px, after EXIF orientation; 0: unknown
  int32_t height(int64_t row) const;
  ImageFormat format(int64_t row) const;  // meaningless without a picture
  bool animated(int64_t row) const;
  bool truncated(int64_t row) const;
  int64_t file_offset(int64_t row) const;  // bytes before the picture in its file
  int64_t file_size(int64_t row) const;    // bytes of the picture
  int64_t file_modified_ns(int64_t row) const;
  std::optional<int64_t> created_at(int64_t row) const;  // seconds since 1970, UTC
  std::optional<int32_t> year(int64_t row) const;        // UTC
  Rating rating(int64_t row) const;
  std::optional<int32_t> score(int64_t row) const;
  std::optional<int32_t> up_score(int64_t row) const;
  std::optional<int32_t> down_score(int64_t row) const;
  std::optional<int32_t> fav_count(int64_t row) const;
  std::string_view parent_id(int64_t row) const;  // empty: none
  std::string_view md5(int64_t row) const;        // empty: unknown
  std::string_view pixel_hash(int64_t row) const;
  std::string_view source_url(int64_t row) const;
  bool is_deleted(int64_t row) const;
  bool is_banned(int64_t row) const;
  bool is_pending(int64_t row) const;
  std::string_view caption(int64_t row) const;  // empty: none
  int64_t further_captions(int64_t row) const;  // how many
  std::string_view further_caption(int64_t row, int64_t index) const;
  PersonLabel person(int64_t row) const;
  /// Ids of the dictionary, in the order of the source.
  std::span<const int32_t> tags(int64_t row, TagCategory category) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace atelier

// A manifest's content, apart from where it lies: in memory after a build, mapped after opening.
#pragma once

#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "data/manifest/manifest.h"

namespace arrow {
class RecordBatch;
class Schema;
}  // namespace arrow

namespace atelier {

struct ManifestParts {
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;  // each of kRowsPerBatch rows, the last of fewer
  TagDictionary tags;
  ManifestSummary summary;
  std::string state_hash;  // of everything, also of paths and times: equal means nothing to write
};

inline constexpr int64_t kRowsPerBatch = 65536;
inline constexpr int kManifestVersion = 2;
inline constexpr std::string_view kPostsFile = "posts.arrow", kTagsFile = "tags.arrow", kManifestFile = "manifest.json",
                                  kQuarantineFile = "quarantine.jsonl";

/// The columns of posts.arrow, in the order of PostColumns (docs/formats/manifest.md).
std::shared_ptr<arrow::Schema> posts_schema();
/// tags.arrow: name, category, count.
std::shared_ptr<arrow::Schema> tags_schema();

/// Positions in posts_schema().
enum PostsColumn : int {
  kIdColumn,
  kSourceColumn,
  kPathColumn,
  kWidthColumn,
  kHeightColumn,
  kFormatColumn,
  kAnimatedColumn,
  kTruncatedColumn,
  kFileOffsetColumn,
  kFileSizeColumn,
  kFileModifiedColumn,
  kCreatedAtColumn,
  kRatingColumn,
  kScoreColumn,
  kUpScoreColumn,
  kDownScoreColumn,
  kFavCountColumn,
  kParentIdColumn,
  kMd5Column,
  kPixelHashColumn,
  kSourceUrlColumn,
  kDeletedColumn,
  kBannedColumn,
  kPendingColumn,
  kCaptionColumn,
  kFurtherCaptionsColumn,
  kPersonClassColumn,
  kGroupSizeColumn,
  kInferredColumn,
  kConflictColumn,
  kTagsColumn,  // and one for each further category
  kColumnCount = kTagsColumn + kTagCategoryCount,
};

/// Turns posts into record batches.
class RowWriter {
 public:
  /// `categories`: of each tag id.
  explicit RowWriter(std::vector<TagCategory> categories);
  ~RowWriter();

  void add(const Post& post, int32_t source, const PersonLabel& person);
  std::vector<std::shared_ptr<arrow::RecordBatch>> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Writes the four files into `folder`, which exists.
void write_manifest(const ManifestParts& parts, const std::vector<Quarantined>& quarantined,
                    const std::filesystem::path& folder);
/// Maps what write_manifest() wrote. DataError as Manifest's constructor.
ManifestParts map_manifest(const std::filesystem::path& folder);

/// manifest.json.
std::string write_summary(const ManifestParts& parts);
/// Fills summary and state_hash; returns the numbers of rows and tags. DataError if it is malformed.
std::array<int64_t, 2> read_summary(const std::filesystem::path& file, ManifestParts& parts);

}  // namespace atelier

// The columns of posts.arrow, and those that posts have while the manifest is still being made.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "data/post/post.h"

namespace arrow {
class Array;
class RecordBatch;
class Schema;
}  // namespace arrow

namespace atelier {

inline constexpr int64_t kRowsPerBatch = 65536;

/// Positions in posts_schema() (docs/formats/manifest.md).
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
  kReadColumnCount,  // what stands above is as it was read; what follows is worked out
  kPersonClassColumn = kReadColumnCount,
  kGroupSizeColumn,
  kInferredColumn,
  kConflictColumn,
  kTagsColumn,  // and one for each further category
  kColumnCount = kTagsColumn + kTagCategoryCount,
};

/// Positions in read_posts_schema(), behind those below kReadColumnCount.
enum ReadPostsColumn : int { kRatedSColumn = kReadColumnCount, kReadTagsColumn };

std::shared_ptr<arrow::Schema> posts_schema();
/// Posts as they were read: words are numbers, the meaning of rating `s` is open, tags stand in one list.
std::shared_ptr<arrow::Schema> read_posts_schema();

/// The dictionary of a column of words, e.g. kRatingColumn.
std::shared_ptr<arrow::Array> column_words(PostsColumn column);

/// Turns posts into a record batch of read_posts_schema().
class PostsTableBuilder {
 public:
  PostsTableBuilder();
  ~PostsTableBuilder();

  void add(const Post& post, int32_t source, std::span<const int32_t> tags);
  /// What was added since the last call.
  std::shared_ptr<arrow::RecordBatch> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace atelier

#include "data/manifest/posts_table.h"

#include <arrow/api.h>

#include "configs/base/error.h"
#include "data/post/person_class.h"

namespace atelier {
namespace {

std::shared_ptr<arrow::DataType> words() { return arrow::dictionary(arrow::int8(), arrow::utf8()); }

std::shared_ptr<arrow::DataType> utc_seconds() { return arrow::timestamp(arrow::TimeUnit::SECOND, "UTC"); }

void check(const arrow::Status& status) {
  if (!status.ok()) throw MachineError("the posts do not fit into memory: " + status.ToString());
}

template <size_t N>
std::shared_ptr<arrow::Array> word_array(const std::array<std::string_view, N>& names) {
  arrow::StringBuilder builder;
  for (const std::string_view name : names) check(builder.Append(name));
  std::shared_ptr<arrow::Array> array;
  check(builder.Finish(&array));
  return array;
}

/// The columns up to kReadColumnCount; `word`: the type of those whose values are words.
arrow::FieldVector read_fields(const std::shared_ptr<arrow::DataType>& word) {
  return {
      arrow::field("id", arrow::utf8(), false),
      arrow::field("source", arrow::int32(), false),
      arrow::field("path", arrow::utf8()),
      arrow::field("width", arrow::int32(), false),
      arrow::field("height", arrow::int32(), false),
      arrow::field("format", word),
      arrow::field("animated", arrow::boolean(), false),
      arrow::field("truncated", arrow::boolean(), false),
      arrow::field("file_offset", arrow::int64()),
      arrow::field("file_size", arrow::int64()),
      arrow::field("file_modified_ns", arrow::int64()),
      arrow::field("created_at", utc_seconds()),
      arrow::field("rating", word, false),
      arrow::field("score", arrow::int32()),
      arrow::field("up_score", arrow::int32()),
      arrow::field("down_score", arrow::int32()),
      arrow::field("fav_count", arrow::int32()),
      arrow::field("parent_id", arrow::utf8()),
      arrow::field("md5", arrow::utf8()),
      arrow::field("pixel_hash", arrow::utf8()),
      arrow::field("source_url", arrow::utf8()),
      arrow::field("is_deleted", arrow::boolean(), false),
      arrow::field("is_banned", arrow::boolean(), false),
      arrow::field("is_pending", arrow::boolean(), false),
      arrow::field("caption", arrow::utf8()),
      arrow::field("further_captions", arrow::list(arrow::utf8()), false),
  };
}

template <typename Builder, typename Value>
void append_optional(Builder& builder, const std::optional<Value>& value) {
  check(value ? builder.Append(*value) : builder.AppendNull());
}

void append_text(arrow::StringBuilder& builder, std::string_view value) {
  check(value.empty() ? builder.AppendNull() : builder.Append(value));
}

}  // namespace

std::shared_ptr<arrow::Schema> posts_schema() {
  arrow::FieldVector fields = read_fields(words());
  fields.push_back(arrow::field("person_class", words(), false));
  fields.push_back(arrow::field("group_size", words(), false));
  fields.push_back(arrow::field("person_inferred", arrow::boolean(), false));
  fields.push_back(arrow::field("person_conflict", arrow::boolean(), false));
  for (const std::string_view category : kTagCategoryNames) {
    fields.push_back(arrow::field("tags_" + std::string(category), arrow::list(arrow::int32()), false));
  }
  return arrow::schema(fields);
}

std::shared_ptr<arrow::Schema> read_posts_schema() {
  arrow::FieldVector fields = read_fields(arrow::int8());
  fields.push_back(arrow::field("rated_s", arrow::boolean(), false));
  fields.push_back(arrow::field("tags", arrow::list(arrow::int32()), false));
  return arrow::schema(fields);
}

std::shared_ptr<arrow::Array> column_words(PostsColumn column) {
  switch (column) {
    case kFormatColumn: return word_array(kImageFormatNames);
    case kRatingColumn: return word_array(kRatingNames);
    case kPersonClassColumn: return word_array(kPersonClassNames);
    case kGroupSizeColumn: return word_array(kGroupSizeNames);
    default: throw std::logic_error("no column of words");
  }
}

struct PostsTableBuilder::State {
  std::shared_ptr<arrow::Schema> schema = read_posts_schema();
  arrow::StringBuilder id, path, parent_id, md5, pixel_hash, source_url, caption;
  arrow::Int32Builder source, width, height, score, up_score, down_score, fav_count;
  arrow::Int8Builder format, rating;
  arrow::BooleanBuilder animated, truncated, is_deleted, is_banned, is_pending, rated_s;
  arrow::Int64Builder file_offset, file_size, file_modified;
  arrow::TimestampBuilder created_at{utc_seconds(), arrow::default_memory_pool()};
  std::shared_ptr<arrow::StringBuilder> further_lines = std::make_shared<arrow::StringBuilder>();
  arrow::ListBuilder further_captions{arrow::default_memory_pool(), further_lines};
  std::shared_ptr<arrow::Int32Builder> tag_ids = std::make_shared<arrow::Int32Builder>();
  arrow::ListBuilder tag_lists{arrow::default_memory_pool(), tag_ids};

  /// In the order of the schema.
  std::vector<arrow::ArrayBuilder*> columns() {
    return {
        &id,          &source,           &path,          &width,      &height,     &format,     &animated,  &truncated,
        &file_offset, &file_size,        &file_modified, &created_at, &rating,     &score,      &up_score,  &down_score,
        &fav_count,   &parent_id,        &md5,           &pixel_hash, &source_url, &is_deleted, &is_banned, &is_pending,
        &caption,     &further_captions, &rated_s,       &tag_lists};
  }

  void add_picture(const Post& post) {
    const PictureFile& picture = post.picture;
    append_text(path, picture.path);
    check(width.Append(post.width));
    check(height.Append(post.height));
    check(animated.Append(picture.info.animated));
    check(truncated.Append(picture.info.truncated));
    if (picture.path.empty()) {
      check(format.AppendNull());
      check(file_offset.AppendNull());
      check(file_size.AppendNull());
      check(file_modified.AppendNull());
    } else {
      check(format.Append(static_cast<int8_t>(picture.info.format)));
      check(file_offset.Append(picture.offset));
      check(file_size.Append(picture.size_bytes));
      check(file_modified.Append(picture.modified_ns));
    }
  }

  void add_record(const Post& post) {
    append_optional(created_at, post.created_at);
    check(rating.Append(static_cast<int8_t>(post.rating)));
    check(rated_s.Append(post.rated_s));
    append_optional(score, post.score);
    append_optional(up_score, post.up_score);
    append_optional(down_score, post.down_score);
    append_optional(fav_count, post.fav_count);
    append_text(parent_id, post.parent_id);
    append_text(md5, post.md5);
    append_text(pixel_hash, post.pixel_hash);
    append_text(source_url, post.source_url);
    check(is_deleted.Append(post.is_deleted));
    check(is_banned.Append(post.is_banned));
    check(is_pending.Append(post.is_pending));
  }

  void add_captions(const Post& post) {
    append_text(caption, post.caption);
    check(further_captions.Append());
    for (const std::string& further : post.further_captions) check(further_lines->Append(further));
  }
};

PostsTableBuilder::PostsTableBuilder() : state_(std::make_unique<State>()) {}
PostsTableBuilder::~PostsTableBuilder() = default;

void PostsTableBuilder::add(const Post& post, int32_t source, std::span<const int32_t> tags) {
  State& to = *state_;
  check(to.id.Append(post.id));
  check(to.source.Append(source));
  to.add_picture(post);
  to.add_record(post);
  to.add_captions(post);
  check(to.tag_lists.Append());
  check(to.tag_ids->AppendValues(tags.data(), static_cast<int64_t>(tags.size())));
}

std::shared_ptr<arrow::RecordBatch> PostsTableBuilder::finish() {
  const int64_t rows = state_->id.length();
  arrow::ArrayVector arrays;
  for (arrow::ArrayBuilder* column : state_->columns()) check(column->Finish(&arrays.emplace_back()));
  return arrow::RecordBatch::Make(state_->schema, rows, std::move(arrays));
}

}  // namespace atelier

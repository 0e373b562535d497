// The columns of posts.arrow: their types, and rows into them.
#include <arrow/api.h>

#include "configs/base/error.h"
#include "data/manifest/manifest_parts.h"

namespace atelier {
namespace {

constexpr std::array<std::string_view, 5> kFormatNames = {"jpeg", "png", "webp", "gif", "avif"};

std::shared_ptr<arrow::DataType> words() { return arrow::dictionary(arrow::int8(), arrow::utf8()); }

void check(const arrow::Status& status) {
  if (!status.ok()) throw MachineError("the manifest does not fit into memory: " + status.ToString());
}

template <size_t N>
std::shared_ptr<arrow::Array> word_array(const std::array<std::string_view, N>& names) {
  arrow::StringBuilder builder;
  for (const std::string_view name : names) check(builder.Append(name));
  std::shared_ptr<arrow::Array> array;
  check(builder.Finish(&array));
  return array;
}

template <typename Builder, typename Value>
void append_optional(Builder& builder, const std::optional<Value>& value) {
  check(value ? builder.Append(*value) : builder.AppendNull());
}

void append_text(arrow::StringBuilder& builder, std::string_view value) {
  check(value.empty() ? builder.AppendNull() : builder.Append(value));
}

template <typename Enum>
void append_word(arrow::Int8Builder& builder, Enum value) {
  check(builder.Append(static_cast<int8_t>(value)));
}

}  // namespace

std::shared_ptr<arrow::Schema> posts_schema() {
  arrow::FieldVector fields = {
      arrow::field("id", arrow::utf8(), false),
      arrow::field("source", arrow::int32(), false),
      arrow::field("path", arrow::utf8()),
      arrow::field("width", arrow::int32(), false),
      arrow::field("height", arrow::int32(), false),
      arrow::field("format", words()),
      arrow::field("animated", arrow::boolean(), false),
      arrow::field("truncated", arrow::boolean(), false),
      arrow::field("file_offset", arrow::int64()),
      arrow::field("file_size", arrow::int64()),
      arrow::field("file_modified_ns", arrow::int64()),
      arrow::field("created_at", arrow::timestamp(arrow::TimeUnit::SECOND, "UTC")),
      arrow::field("rating", words(), false),
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
      arrow::field("person_class", words(), false),
      arrow::field("group_size", words(), false),
      arrow::field("person_inferred", arrow::boolean(), false),
      arrow::field("person_conflict", arrow::boolean(), false),
  };
  for (const std::string_view category : kTagCategoryNames) {
    fields.push_back(arrow::field("tags_" + std::string(category), arrow::list(arrow::int32()), false));
  }
  return arrow::schema(fields);
}

std::shared_ptr<arrow::Schema> tags_schema() {
  return arrow::schema({arrow::field("name", arrow::utf8(), false), arrow::field("category", words(), false),
                        arrow::field("count", arrow::int64(), false)});
}

struct RowWriter::State {
  std::vector<TagCategory> categories;
  std::shared_ptr<arrow::Schema> schema = posts_schema();
  std::shared_ptr<arrow::Array> formats = word_array(kFormatNames), ratings = word_array(kRatingNames),
                                classes = word_array(kPersonClassNames), sizes = word_array(kGroupSizeNames);
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;

  arrow::StringBuilder id, path, parent_id, md5, pixel_hash, source_url, caption;
  arrow::Int32Builder source, width, height, score, up_score, down_score, fav_count;
  arrow::Int8Builder format, rating, person_class, group_size;
  arrow::BooleanBuilder animated, truncated, is_deleted, is_banned, is_pending, inferred, conflict;
  arrow::Int64Builder file_offset, file_size, file_modified;
  arrow::TimestampBuilder created_at{arrow::timestamp(arrow::TimeUnit::SECOND, "UTC"), arrow::default_memory_pool()};
  arrow::ListBuilder further_captions{arrow::default_memory_pool(), std::make_shared<arrow::StringBuilder>()};
  std::vector<std::unique_ptr<arrow::ListBuilder>> tags;

  explicit State(std::vector<TagCategory> of_tags) : categories(std::move(of_tags)) {
    for (int c = 0; c < kTagCategoryCount; ++c) {
      tags.push_back(
          std::make_unique<arrow::ListBuilder>(arrow::default_memory_pool(), std::make_shared<arrow::Int32Builder>()));
    }
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
      append_word(format, picture.info.format);
      check(file_offset.Append(picture.offset));
      check(file_size.Append(picture.size_bytes));
      check(file_modified.Append(picture.modified_ns));
    }
  }

  void add_captions(const Post& post) {
    append_text(caption, post.caption);
    check(further_captions.Append());
    auto& lines = static_cast<arrow::StringBuilder&>(*further_captions.value_builder());
    for (const std::string& further : post.further_captions) check(lines.Append(further));
  }

  void add_tags(const Post& post) {
    for (auto& list : tags) check(list->Append());
    for (const int32_t tag : post.tags) {
      const auto category = static_cast<size_t>(categories[static_cast<size_t>(tag)]);
      check(static_cast<arrow::Int32Builder*>(tags[category]->value_builder())->Append(tag));
    }
  }

  void flush() {
    if (id.length() == 0) return;
    const int64_t rows = id.length();
    const auto plain = [](arrow::ArrayBuilder& builder) {
      std::shared_ptr<arrow::Array> array;
      check(builder.Finish(&array));
      return array;
    };
    const auto word = [&](arrow::Int8Builder& builder, const std::shared_ptr<arrow::Array>& names) {
      return arrow::DictionaryArray::FromArrays(words(), plain(builder), names).ValueOrDie();
    };
    arrow::ArrayVector columns = {plain(id),
                                  plain(source),
                                  plain(path),
                                  plain(width),
                                  plain(height),
                                  word(format, formats),
                                  plain(animated),
                                  plain(truncated),
                                  plain(file_offset),
                                  plain(file_size),
                                  plain(file_modified),
                                  plain(created_at),
                                  word(rating, ratings),
                                  plain(score),
                                  plain(up_score),
                                  plain(down_score),
                                  plain(fav_count),
                                  plain(parent_id),
                                  plain(md5),
                                  plain(pixel_hash),
                                  plain(source_url),
                                  plain(is_deleted),
                                  plain(is_banned),
                                  plain(is_pending),
                                  plain(caption),
                                  plain(further_captions),
                                  word(person_class, classes),
                                  word(group_size, sizes),
                                  plain(inferred),
                                  plain(conflict)};
    for (auto& list : tags) columns.push_back(plain(*list));
    batches.push_back(arrow::RecordBatch::Make(schema, rows, std::move(columns)));
  }
};

RowWriter::RowWriter(std::vector<TagCategory> categories) : state_(std::make_unique<State>(std::move(categories))) {}
RowWriter::~RowWriter() = default;

void RowWriter::add(const Post& post, int32_t source, const PersonLabel& person) {
  State& to = *state_;
  check(to.id.Append(post.id));
  check(to.source.Append(source));
  to.add_picture(post);
  append_optional(to.created_at, post.created_at);
  append_word(to.rating, post.rating);
  append_optional(to.score, post.score);
  append_optional(to.up_score, post.up_score);
  append_optional(to.down_score, post.down_score);
  append_optional(to.fav_count, post.fav_count);
  append_text(to.parent_id, post.parent_id);
  append_text(to.md5, post.md5);
  append_text(to.pixel_hash, post.pixel_hash);
  append_text(to.source_url, post.source_url);
  check(to.is_deleted.Append(post.is_deleted));
  check(to.is_banned.Append(post.is_banned));
  check(to.is_pending.Append(post.is_pending));
  to.add_captions(post);
  append_word(to.person_class, person.person_class);
  append_word(to.group_size, person.group_size);
  check(to.inferred.Append(person.inferred));
  check(to.conflict.Append(person.conflict));
  to.add_tags(post);
  if (to.id.length() == kRowsPerBatch) to.flush();
}

std::vector<std::shared_ptr<arrow::RecordBatch>> RowWriter::finish() {
  state_->flush();
  return std::move(state_->batches);
}

}  // namespace atelier

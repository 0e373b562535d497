#include "data/ingest/posts_jsonl.h"

#include <simdjson.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <span>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/ingest/post_record.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
namespace dom = simdjson::dom;

constexpr size_t kPartBytes = 4 << 20;
constexpr size_t kUnitBytes = 1024;

/// A scalar as text, without a copy for strings. `buffer` holds numbers.
std::string_view scalar_text(const dom::element& value, std::array<char, 32>& buffer) {
  const auto print = [&](auto number) {
    const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
    return std::string_view(buffer.data(), static_cast<size_t>(written.ptr - buffer.data()));
  };
  switch (value.type()) {
    case dom::element_type::STRING: return value.get_string().value_unsafe();
    case dom::element_type::INT64: return print(value.get_int64().value_unsafe());
    case dom::element_type::UINT64: return print(value.get_uint64().value_unsafe());
    case dom::element_type::DOUBLE: return print(value.get_double().value_unsafe());
    case dom::element_type::NULL_VALUE: return {};
    default: throw DataError("bad_value");
  }
}

int64_t category_number(const dom::element& value) {
  std::array<char, 32> buffer;
  const std::string_view text = scalar_text(value, buffer);
  int64_t number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// Tags as a list: of names, or of {"name", "category"}.
void read_tag_list(const dom::array& list, std::optional<TagCategory> category, PostRecord& record) {
  for (const dom::element item : list) {
    std::array<char, 32> buffer;
    dom::object tag;
    if (item.get_object().get(tag) != simdjson::SUCCESS) {
      record.add_tag(scalar_text(item, buffer), category);
      continue;
    }
    dom::element name, number;
    if (tag["name"].get(name) != simdjson::SUCCESS) throw DataError("bad_value", "a tag without a name");
    const bool numbered = tag["category"].get(number) == simdjson::SUCCESS;
    record.add_tag(scalar_text(name, buffer), numbered ? site_category(category_number(number)) : category);
  }
}

void read_field(PostColumn column, const dom::element& value, PostRecord& record) {
  std::array<char, 32> buffer;
  dom::array list;
  if (value.get_array().get(list) != simdjson::SUCCESS) return record.set(column, scalar_text(value, buffer));
  if (column == PostColumn::kFavCount) return record.set(column, text(list.size()));  // the users who like it
  if (column < PostColumn::kTags) throw DataError("bad_value");
  read_tag_list(list, category_of(column), record);
}

PostRecord read_record(const dom::object& object) {
  PostRecord record;
  for (const dom::key_value_pair field : object) {
    const std::optional<PostColumn> column = post_column(field.key);
    if (!column) continue;
    try {
      read_field(*column, field.value, record);
    } catch (const DataError& error) {
      throw DataError(error.summary(), std::string(field.key) + (error.where().empty() ? "" : ": " + error.where()));
    }
  }
  return record;
}

}  // namespace

PostsJsonlReader::PostsJsonlReader(const SourceOptions& options) {
  const fs::path path = fs::absolute(options.path).lexically_normal();
  image_dir_ = options.image_dir ? fs::absolute(*options.image_dir).lexically_normal() : path.parent_path();
  if (options.image_dir && !fs::is_directory(image_dir_)) {
    throw ConfigError("no such folder", image_dir_.string(), "correct image_dir of this source");
  }
  file_ = std::make_unique<MappedFile>(path);
  text_ = {reinterpret_cast<const char*>(file_->bytes().data()), file_->bytes().size()};
  if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  begins_.push_back(0);
  while (text_.size() - begins_.back() > kPartBytes) {
    const size_t newline = text_.find('\n', begins_.back() + kPartBytes);
    if (newline == std::string_view::npos) break;
    begins_.push_back(newline + 1);
  }
  if (begins_.back() < text_.size()) begins_.push_back(text_.size());
}

int64_t PostsJsonlReader::part_size(int64_t part) const {
  const size_t bytes = begins_[static_cast<size_t>(part) + 1] - begins_[static_cast<size_t>(part)];
  return static_cast<int64_t>((bytes + kUnitBytes - 1) / kUnitBytes);
}

PostBatch PostsJsonlReader::read(int64_t part, const PictureProbe& probe) const {
  PostBatch batch;
  dom::parser parser;
  const size_t begin = begins_[static_cast<size_t>(part)], end_of_part = begins_[static_cast<size_t>(part) + 1];
  std::string_view rest = text_.substr(begin, end_of_part - begin);
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++batch.lines;
    if (line.empty()) continue;

    dom::object object;
    if (const auto error = parser.parse(line.data(), line.size()).get_object().get(object);
        error != simdjson::SUCCESS) {
      batch.bad.push_back({"", batch.lines, "bad_json", simdjson::error_message(error)});
      continue;
    }
    std::string id;
    try {
      PostRecord record = read_record(object);
      id = record.post.id;
      find_picture(record, probe, record.post);
      batch.posts.push_back(std::move(record).finish(batch.tags));
    } catch (const DataError& error) {
      batch.bad.push_back({id, batch.lines, error.summary(), error.where()});
    }
  }
  file_->drop_pages(std::as_bytes(std::span(text_.substr(begin, end_of_part - begin))));
  return batch;
}

void PostsJsonlReader::find_picture(const PostRecord& record, const PictureProbe& probe, Post& post) const {
  std::vector<fs::path> candidates;
  if (!record.file_name.empty()) candidates.push_back(record.file_name);
  const std::string suffix = "." + record.file_extension;
  if (!record.file_extension.empty() && !post.md5.empty()) candidates.push_back(post.md5 + suffix);
  if (!record.file_extension.empty() && !post.id.empty()) {
    candidates.push_back(post.id + suffix);
    int64_t number = 0;
    if (std::from_chars(post.id.data(), post.id.data() + post.id.size(), number).ec == std::errc()) {
      std::array<char, 16> folder;  // the dumps keep pictures by id modulo 1000
      std::snprintf(folder.data(), folder.size(), "%04d", static_cast<int>(number % 1000));
      candidates.push_back(fs::path(folder.data()) / (post.id + suffix));
    }
  }
  for (const fs::path& candidate : candidates) {
    try {
      std::optional<PictureFile> picture = probe.probe(image_dir_ / candidate);
      if (!picture) continue;
      post.picture = std::move(*picture);
      post.width = post.picture.info.width;
      post.height = post.picture.info.height;
      return;
    } catch (const DataError& error) {
      throw DataError("picture_unreadable", error.summary());
    }
  }
}

}  // namespace atelier

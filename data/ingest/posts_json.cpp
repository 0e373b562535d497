#include "data/ingest/posts_json.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/files/files.h"
#include "data/ingest/caption_file.h"
#include "data/ingest/json_record.h"

namespace atelier {
namespace {

constexpr size_t kPartBytes = 4 << 20;

/// Finds the entries within the outermost brackets, without reading what is in them.
class JsonEntries {
 public:
  struct Entry {
    std::string_view key;  // with its quotes; empty in an array
    std::string_view value;
    size_t begin;  // in the text
  };

  JsonEntries(std::string_view text, size_t position) : text_(text), position_(position) {}

  /// nullopt at the closing bracket, or where the text is no JSON: then `complete` is false.
  std::optional<Entry> next() {
    skip_spaces();
    if (at('}') || at(']')) {
      ++position_;
      complete = true;
      return std::nullopt;
    }
    Entry entry{{}, {}, position_};
    std::string_view first = take_value();
    skip_spaces();
    if (at(':')) {
      ++position_;
      skip_spaces();
      entry.key = first;
      first = take_value();
      skip_spaces();
    }
    entry.value = first;
    if (first.empty()) return std::nullopt;
    if (at(',')) ++position_;
    return entry;
  }
  size_t position() const { return position_; }
  bool complete = false;

 private:
  bool at(char c) const { return position_ < text_.size() && text_[position_] == c; }
  void skip_spaces() { position_ = std::min(text_.find_first_not_of(" \t\r\n", position_), text_.size()); }

  /// A text, an object or an array with all in it, or a word; empty if it does not end.
  std::string_view take_value() {
    const size_t begin = position_;
    int64_t depth = 0;
    while (position_ < text_.size()) {
      const char c = text_[position_];
      if (c == '"') {
        if (!skip_string()) return {};
      } else {
        if (depth == 0 && position_ > begin && std::string_view(",:}] \t\r\n").find(c) != std::string_view::npos) break;
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        ++position_;
      }
      if (depth < 0) return {};
      const char opened = text_[begin];
      if (depth == 0 && (opened == '"' || opened == '{' || opened == '[')) break;
    }
    return depth == 0 ? text_.substr(begin, position_ - begin) : std::string_view();
  }

  bool skip_string() {
    for (++position_; position_ < text_.size(); ++position_) {
      position_ = std::min(text_.find_first_of("\"\\", position_), text_.size());
      if (at('"')) {
        ++position_;
        return true;
      }
      ++position_;  // what is escaped
    }
    return false;
  }

  std::string_view text_;
  size_t position_;
};

/// A key without quotes and escapes. DataError if it is no JSON text.
std::string plain_key(std::string_view key) {
  if (key.find('\\') == std::string_view::npos) return std::string(key.substr(1, key.size() - 2));
  const nlohmann::json parsed = nlohmann::json::parse(key, nullptr, false);
  if (!parsed.is_string()) throw DataError("bad_json", "a key that is no text");
  return parsed.get<std::string>();
}

constexpr const char* kLinesHint = "where every line is an object of its own, say kind: jsonl";

std::string the_only_file(const std::string& pattern) {
  const std::vector<std::string> files = expand_pattern(absolute_path(pattern));
  if (files.size() > 1) throw ConfigError("several .json files are several sources", pattern, kLinesHint);
  return files.front();
}

}  // namespace

PostsJsonReader::PostsJsonReader(const SourceOptions& options)
    : path_(the_only_file(options.path)), file_(open_text_file(path_)), pictures_(options, {path_}) {
  text_ = file_->read(0, file_->size(), buffer_);
  if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  const size_t begin = std::min(text_.find_first_not_of(" \t\r\n"), text_.size());
  if (begin == text_.size() || (text_[begin] != '{' && text_[begin] != '[')) {
    throw ConfigError("neither an object nor an array", path_, "sd-scripts' metadata or a page of posts is looked for");
  }
  begins_.push_back(begin + 1);
  JsonEntries entries(text_, begin + 1);
  while (const auto entry = entries.next()) {
    if (entry->begin - begins_.back() >= kPartBytes) begins_.push_back(entry->begin);
  }
  complete_ = entries.complete;
  begins_.push_back(entries.position());
  if (complete_ && text_.find_first_not_of(" \t\r\n", entries.position()) != std::string_view::npos) {
    throw ConfigError("more than one object or array", path_, kLinesHint);
  }
}

int64_t PostsJsonReader::part_size(int64_t part) const {
  const auto at = static_cast<size_t>(part);
  return static_cast<int64_t>((begins_[at + 1] - begins_[at] + 1023) / 1024);
}

PostBatch PostsJsonReader::read(int64_t part, const PictureProbe& probe) const {
  PostBatch batch;
  JsonRecords records;
  const PictureFinder& pictures = pictures_.of(path_);
  const auto at = static_cast<size_t>(part);
  const bool last = at + 2 == begins_.size();
  JsonEntries entries(last ? text_ : text_.substr(0, begins_[at + 1]), begins_[at]);
  while (const auto entry = entries.next()) {
    std::string id;
    try {
      PostRecord record = records.read(entry->value);
      if (!entry->key.empty()) {
        record.post.id = plain_key(entry->key);
        record.set(PostColumn::kImagePath, record.post.id);
      }
      id = record.post.id;
      const bool from_caption = !entry->key.empty() && !record.has_tags();
      const std::vector<std::string> pieces =
          from_caption ? caption_tags(record.post.caption) : std::vector<std::string>();
      record.tags_follow_caption &= !from_caption;
      for (const std::string& tag : pieces) record.add_tag(tag, std::nullopt);
      pictures.find(record, probe);
      batch.posts.push_back(std::move(record).finish(batch.tags));
    } catch (const DataError& error) {
      batch.bad.push_back({id, 0, error.summary(), error.where(), text("offset ", entry->begin)});
    }
  }
  if (last && !complete_) {
    batch.bad.push_back({"", 0, "file_damaged", "no JSON from here on", text("offset ", entries.position())});
  }
  return batch;
}

}  // namespace atelier

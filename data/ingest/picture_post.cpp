#include "data/ingest/picture_post.h"

#include <algorithm>
#include <utility>

#include "data/files/files.h"

namespace atelier {

void add_picture_post(const std::string& id, PictureFile picture, const PictureTexts& texts, JsonRecords& records,
                      PostBatch& batch) {
  PostRecord record = texts.record ? records.read(*texts.record) : PostRecord();
  Post& post = record.post;
  post.id = id;
  post.width = picture.info.width;
  post.height = picture.info.height;
  post.picture = std::move(picture);
  if (texts.caption) {
    post.caption = texts.caption->caption;
    post.further_captions = texts.caption->further_captions;
  }
  const std::vector<std::string> pieces = record.has_tags() ? std::vector<std::string>() : caption_tags(post.caption);
  for (const std::string& tag : pieces) record.add_tag(tag, std::nullopt);
  batch.without_caption += !texts.caption && !texts.record;
  batch.posts.push_back(std::move(record).finish(batch.tags));
}

std::vector<std::string> caption_suffixes(const SourceOptions& options) {
  std::vector<std::string> suffixes = {options.caption_extension};
  if (!suffixes.front().starts_with('.')) suffixes.front().insert(suffixes.front().begin(), '.');
  for (const char* other : {".txt", ".caption"}) {
    if (suffixes.front() != other) suffixes.push_back(other);
  }
  return suffixes;
}

std::vector<std::string> record_names(const std::string& picture) {
  const std::string stem = without_suffix(picture);
  return {stem + ".json", picture + ".json", stem + "-danbooru.json"};
}

bool is_text_name(std::string_view name, const std::vector<std::string>& caption_suffixes) {
  return name.ends_with(".json") ||
         std::ranges::any_of(caption_suffixes, [&](const std::string& suffix) { return name.ends_with(suffix); });
}

std::string without_suffix(const std::string& name) { return name.substr(0, name.size() - file_suffix(name).size()); }

}  // namespace atelier

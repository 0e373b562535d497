#include "data/ingest/post_record.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/ingest/timestamp.h"

namespace atelier {
namespace {

using Names = std::unordered_map<std::string_view, PostColumn>;

/// Columns are taken by name, never by position; the first name of each is that of Danbooru's API.
const Names& column_names() {
  static const Names kNames = {
      {"id", PostColumn::kId},
      {"post_id", PostColumn::kId},
      {"md5", PostColumn::kMd5},
      {"rating", PostColumn::kRating},
      {"created_at", PostColumn::kCreatedAt},
      {"image_width", PostColumn::kWidth},
      {"width", PostColumn::kWidth},
      {"image_height", PostColumn::kHeight},
      {"height", PostColumn::kHeight},
      {"score", PostColumn::kScore},
      {"up_score", PostColumn::kUpScore},
      {"down_score", PostColumn::kDownScore},
      {"fav_count", PostColumn::kFavCount},
      {"favs", PostColumn::kFavCount},
      {"parent_id", PostColumn::kParentId},
      {"file_ext", PostColumn::kFileExtension},
      {"file_name", PostColumn::kFileName},
      {"filename", PostColumn::kFileName},
      {"image_path", PostColumn::kFileName},
      {"caption", PostColumn::kCaption},
      {"tag_string", PostColumn::kTags},
      {"tags", PostColumn::kTags},
      {"tag_string_general", PostColumn::kTagsGeneral},
      {"tags_general", PostColumn::kTagsGeneral},
      {"tag_string_artist", PostColumn::kTagsArtist},
      {"tags_artist", PostColumn::kTagsArtist},
      {"tag_string_copyright", PostColumn::kTagsCopyright},
      {"tags_copyright", PostColumn::kTagsCopyright},
      {"tag_string_character", PostColumn::kTagsCharacter},
      {"tags_character", PostColumn::kTagsCharacter},
      {"tag_string_meta", PostColumn::kTagsMeta},
      {"tags_meta", PostColumn::kTagsMeta},
  };
  return kNames;
}

int32_t number(std::string_view text) {
  int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) throw DataError("bad_value", std::string(text));
  return value;
}

int32_t pixels(std::string_view text) {
  const int32_t value = number(text);
  if (value < 0) throw DataError("bad_value", std::string(text));
  return value;
}

void set_rating(Post& post, std::string_view text) {
  static const std::unordered_map<std::string_view, Rating> kRatings = {
      {"g", Rating::kGeneral},           {"general", Rating::kGeneral},  {"safe", Rating::kSafe},
      {"sensitive", Rating::kSensitive}, {"q", Rating::kQuestionable},   {"questionable", Rating::kQuestionable},
      {"e", Rating::kExplicit},          {"explicit", Rating::kExplicit}};
  post.rated_s = text == "s";
  if (post.rated_s) return;
  const auto found = kRatings.find(text);
  if (found == kRatings.end()) throw DataError("bad_value", std::string(text));
  post.rating = found->second;
}

std::string clean(std::string_view text, const char* reason = "bad_value") {
  if (text.find('\0') != std::string_view::npos) throw DataError(reason, "a NUL byte");
  return std::string(trim(text));
}

}  // namespace

std::optional<PostColumn> post_column(std::string_view name) {
  const auto found = column_names().find(name);
  return found == column_names().end() ? std::nullopt : std::optional(found->second);
}

std::optional<TagCategory> site_category(int64_t number) {
  switch (number) {
    case 0: return TagCategory::kGeneral;
    case 1: return TagCategory::kArtist;
    case 3: return TagCategory::kCopyright;
    case 4: return TagCategory::kCharacter;
    case 5: return TagCategory::kMeta;
    default: return std::nullopt;
  }
}

std::optional<TagCategory> category_of(PostColumn column) {
  switch (column) {
    case PostColumn::kTagsGeneral: return TagCategory::kGeneral;
    case PostColumn::kTagsArtist: return TagCategory::kArtist;
    case PostColumn::kTagsCopyright: return TagCategory::kCopyright;
    case PostColumn::kTagsCharacter: return TagCategory::kCharacter;
    case PostColumn::kTagsMeta: return TagCategory::kMeta;
    default: return std::nullopt;
  }
}

void PostRecord::set(PostColumn column, std::string_view value) {
  if (value.empty()) return;
  switch (column) {
    case PostColumn::kId: post.id = clean(value); return;
    case PostColumn::kMd5: post.md5 = clean(value); return;
    case PostColumn::kRating: set_rating(post, value); return;
    case PostColumn::kCreatedAt: {
      const std::optional<int64_t> time = parse_timestamp(value);
      if (!time) throw DataError("bad_value", std::string(value));
      if (*time != 0) post.created_at = time;  // the dumps of 2017-2021 write 1970-01-01 for null
      return;
    }
    case PostColumn::kWidth: post.width = pixels(value); return;
    case PostColumn::kHeight: post.height = pixels(value); return;
    case PostColumn::kScore: post.score = number(value); return;
    case PostColumn::kUpScore: post.up_score = number(value); return;
    case PostColumn::kDownScore: post.down_score = number(value); return;
    case PostColumn::kFavCount: post.fav_count = number(value); return;
    case PostColumn::kParentId:
      if (value != "0") post.parent_id = clean(value);  // "0" is their null, too
      return;
    case PostColumn::kFileExtension: file_extension = clean(value); return;
    case PostColumn::kFileName: file_name = clean(value); return;
    case PostColumn::kCaption: post.caption = clean(value, "caption_has_nul"); return;
    default: add_tags(value, category_of(column));
  }
}

void PostRecord::add_tag(std::string_view name, std::optional<TagCategory> category) {
  std::string tag = canonical_tag(name);
  if (tag.find('\0') != std::string::npos) throw DataError("bad_value", "a tag with a NUL byte");
  if (tag.empty()) return;
  mentions_.push_back({std::move(tag), category});
  has_categories_ |= category.has_value();
}

void PostRecord::add_tags(std::string_view list, std::optional<TagCategory> category) {
  const bool commas = list.find(", ") != std::string_view::npos;
  for (const std::string_view tag : commas ? split(list, ',') : split_words(list)) add_tag(tag, category);
}

Post PostRecord::finish(TagDictionary& tags) && {
  if (post.id.empty()) post.id = !post.md5.empty() ? post.md5 : file_name;
  if (post.id.empty()) throw DataError("no_id");
  post.tags.reserve(mentions_.size());
  for (const Mention& mention : mentions_) {
    // The list of all tags only repeats what the lists by category say.
    if (has_categories_ && !mention.category) continue;
    const int32_t id = tags.intern(mention.name);
    if (std::ranges::find(post.tags, id) != post.tags.end()) continue;
    if (mention.category) tags.vote(id, *mention.category);
    post.tags.push_back(id);
  }
  return std::move(post);
}

}  // namespace atelier

#include "data/ingest/post_record.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <unordered_map>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/files/files.h"
#include "data/ingest/timestamp.h"

namespace atelier {
namespace {

constexpr int64_t kMilliseconds = 100'000'000'000;  // numbers from here on are no seconds: that would be year 5138

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
      {"file_url", PostColumn::kFileUrl},
      {"file_name", PostColumn::kFileName},
      {"filename", PostColumn::kFileName},
      {"image_path", PostColumn::kImagePath},
      {"image_size", PostColumn::kImageSize},
      {"caption", PostColumn::kCaption},
      {"text", PostColumn::kCaption},
      {"captions", PostColumn::kCaptions},
      {"pixel_hash", PostColumn::kPixelHash},
      {"source", PostColumn::kSourceUrl},
      {"source_url", PostColumn::kSourceUrl},
      {"is_deleted", PostColumn::kIsDeleted},
      {"is_banned", PostColumn::kIsBanned},
      {"is_pending", PostColumn::kIsPending},
      {"is_flagged", PostColumn::kIsPending},
      {"tag_string", PostColumn::kTags},
      {"tags", PostColumn::kTags},
      {"tag_list", PostColumn::kTags},
      {"tag_string_general", PostColumn::kTagsGeneral},
      {"tags_general", PostColumn::kTagsGeneral},
      {"tag_list_general", PostColumn::kTagsGeneral},
      {"tag_string_artist", PostColumn::kTagsArtist},
      {"tags_artist", PostColumn::kTagsArtist},
      {"tag_list_artist", PostColumn::kTagsArtist},
      {"tag_string_copyright", PostColumn::kTagsCopyright},
      {"tags_copyright", PostColumn::kTagsCopyright},
      {"tag_list_copyright", PostColumn::kTagsCopyright},
      {"tag_string_character", PostColumn::kTagsCharacter},
      {"tags_character", PostColumn::kTagsCharacter},
      {"tag_list_character", PostColumn::kTagsCharacter},
      {"tag_string_meta", PostColumn::kTagsMeta},
      {"tags_meta", PostColumn::kTagsMeta},
      {"tag_list_meta", PostColumn::kTagsMeta},
  };
  return kNames;
}

[[noreturn]] void throw_bad_value(std::string_view value) { throw DataError("bad_value", std::string(value)); }

/// "12.0" as tables write a whole number when its column has gaps; anything else as it is.
std::string_view without_fraction(std::string_view text) {
  const size_t point = text.find('.');
  const bool whole = point > 0 && point != std::string_view::npos && point + 1 < text.size() &&
                     text.find_first_not_of('0', point + 1) == std::string_view::npos &&
                     text.find_first_not_of("-0123456789") == point;
  return whole ? text.substr(0, point) : text;
}

int64_t number(std::string_view text) {
  const std::string_view digits = without_fraction(text);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) throw_bad_value(text);
  return value;
}

int32_t small_number(int64_t value) {
  if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max()) {
    throw_bad_value(std::to_string(value));
  }
  return static_cast<int32_t>(value);
}

int32_t pixels(int64_t value) {
  if (value < 0) throw_bad_value(std::to_string(value));
  return small_number(value);
}

bool flag(std::string_view text) {
  if (text == "true" || text == "t" || text == "1" || text == "True") return true;
  if (text != "false" && text != "f" && text != "0" && text != "False") throw_bad_value(text);
  return false;
}

void set_rating(Post& post, std::string_view text) {
  static const std::unordered_map<std::string_view, Rating> kRatings = {
      {"g", Rating::kGeneral},           {"general", Rating::kGeneral},   {"safe", Rating::kSafe},
      {"sensitive", Rating::kSensitive}, {"q", Rating::kQuestionable},    {"questionable", Rating::kQuestionable},
      {"e", Rating::kExplicit},          {"explicit", Rating::kExplicit}, {"0", Rating::kGeneral},
      {"1", Rating::kSensitive},  // the numbers of Kohaku's data base
      {"2", Rating::kQuestionable},      {"3", Rating::kExplicit}};
  post.rated_s = text == "s";
  if (post.rated_s) return;
  const std::string word = lower_ascii(text);
  const auto found = kRatings.find(word);
  if (found == kRatings.end()) throw_bad_value(text);
  post.rating = found->second;
}

void require_text(std::string_view text, const char* reason = "bad_value") {
  if (text.find('\0') != std::string_view::npos) throw DataError(reason, "a NUL byte");
  if (!is_valid_utf8(text)) throw DataError("not_utf8");
}

std::string clean(std::string_view text, const char* reason = "bad_value") {
  require_text(text, reason);
  return std::string(trim(text));
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// True for characters that canonical_tag() may change.
bool may_change(char c) { return (c >= 'A' && c <= 'Z') || c == '\\' || is_space(c); }

/// The next word between spaces, taken off the front; empty at the end.
std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

/// The pieces of a list of tags, in their canonical form, to `take`.
template <typename Take>
void each_tag(std::string_view list, bool commas, const Take& take) {
  const auto ends = [commas](char c) { return commas ? c == ',' : is_space(c); };
  for (size_t i = 0; i < list.size(); ++i) {
    const size_t begin = i;
    bool changes = false;
    for (; i < list.size() && !ends(list[i]); ++i) changes |= may_change(list[i]);
    const std::string_view tag = list.substr(begin, i - begin);
    if (changes)
      take(canonical_tag(tag));
    else
      take(tag);
  }
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
    case PostColumn::kId: post.id = without_fraction(clean(value)); return;
    case PostColumn::kMd5: post.md5 = clean(value); return;
    case PostColumn::kPixelHash: post.pixel_hash = clean(value); return;
    case PostColumn::kSourceUrl: post.source_url = clean(value); return;
    case PostColumn::kRating: set_rating(post, value); return;
    case PostColumn::kCreatedAt: {
      if (value.size() > 8 && value.find_first_not_of("0123456789") == std::string_view::npos) {
        return set_number(column, number(value));
      }
      const std::optional<int64_t> time = parse_timestamp(value);
      if (!time) throw_bad_value(value);
      return set_time(*time);
    }
    case PostColumn::kWidth:
    case PostColumn::kHeight:
    case PostColumn::kScore:
    case PostColumn::kUpScore:
    case PostColumn::kDownScore:
    case PostColumn::kFavCount: return set_number(column, number(value));
    case PostColumn::kIsDeleted:
    case PostColumn::kIsBanned:
    case PostColumn::kIsPending: return set_flag(column, flag(value));
    case PostColumn::kParentId:
      if (value != "0") post.parent_id = without_fraction(clean(value));  // "0" is the old dumps' null, too
      return;
    case PostColumn::kFileExtension: file_extension = clean(value); return;
    case PostColumn::kFileUrl:
      if (const std::string suffix = file_suffix(value.substr(0, value.find('?')));
          file_extension.empty() && !suffix.empty()) {
        file_extension = clean(suffix).substr(1);
      }
      return;
    case PostColumn::kFileName: file_name = clean(value); return;
    case PostColumn::kImagePath:
      file_name = clean(value);
      tags_follow_caption = true;
      return;
    case PostColumn::kCaption: post.caption = clean(value, "caption_has_nul"); return;
    case PostColumn::kCaptions: return add(column, value);
    case PostColumn::kImageSize: throw_bad_value(value);
    default: require_text(value); mentions_.push_back({value, category_of(column), true});
  }
}

void PostRecord::set_number(PostColumn column, int64_t value) {
  switch (column) {
    case PostColumn::kWidth: post.width = pixels(value); return;
    case PostColumn::kHeight: post.height = pixels(value); return;
    case PostColumn::kScore: post.score = small_number(value); return;
    case PostColumn::kUpScore: post.up_score = small_number(value); return;
    case PostColumn::kDownScore: post.down_score = small_number(value); return;
    case PostColumn::kFavCount: post.fav_count = small_number(value); return;
    case PostColumn::kCreatedAt: return set_time(value < kMilliseconds ? value : value / 1000);
    case PostColumn::kId:
    case PostColumn::kParentId:
    case PostColumn::kRating:
    case PostColumn::kMd5: return set(column, std::to_string(value));
    case PostColumn::kIsDeleted:
    case PostColumn::kIsBanned:
    case PostColumn::kIsPending:
      if (value == 0 || value == 1) return set_flag(column, value == 1);
      [[fallthrough]];
    default: throw_bad_value(std::to_string(value));
  }
}

void PostRecord::set_flag(PostColumn column, bool value) {
  switch (column) {
    case PostColumn::kIsDeleted: post.is_deleted = value; return;
    case PostColumn::kIsBanned: post.is_banned = value; return;
    case PostColumn::kIsPending: post.is_pending |= value; return;  // pending, or flagged
    default: throw_bad_value(value ? "true" : "false");
  }
}

void PostRecord::set_time(int64_t seconds_since_1970) {
  if (seconds_since_1970 != 0) post.created_at = seconds_since_1970;  // the old dumps write 1970-01-01 for null
}

void PostRecord::add(PostColumn column, std::string_view item) {
  if (column >= PostColumn::kTags) return add_tag(item, category_of(column));
  if (column == PostColumn::kCaptions) {
    std::string caption = clean(item, "caption_has_nul");
    if (post.caption.empty())
      post.caption = std::move(caption);
    else if (caption != post.caption && !caption.empty())
      post.further_captions.push_back(std::move(caption));
  } else if (column == PostColumn::kImageSize && sides_ < 2) {
    (sides_++ == 0 ? post.width : post.height) = pixels(number(item));
  } else {
    throw DataError("bad_value", "a list");
  }
}

void PostRecord::add_tag(std::string_view name, std::optional<TagCategory> category) {
  require_text(name);
  mentions_.push_back({name, category, false});
}

void PostRecord::append_tags_to_caption() {
  for (const Mention& mention : mentions_) {
    const std::string_view tags = trim(mention.text);
    if (!post.caption.empty() && !tags.empty()) post.caption += ", ";
    post.caption += tags;
  }
}

void PostRecord::take_tags(const Mention& mention, TagDictionary& tags) {
  const auto take = [&](std::string_view name) {
    if (name.empty()) return;
    const int32_t id = tags.intern(name);
    if (std::ranges::find(post.tags, id) != post.tags.end()) return;
    if (mention.category) tags.vote(id, *mention.category);
    post.tags.push_back(id);
  };
  if (mention.is_list)
    each_tag(mention.text, mention.text.find(',') != std::string_view::npos, take);
  else if (std::ranges::any_of(mention.text, may_change))
    take(canonical_tag(mention.text));
  else
    take(mention.text);
}

/// True if `all`, a list of all tags, is made of the lists by category, each in its order: then it says nothing new,
/// and its tags need not be looked up once more. The site writes it so.
bool PostRecord::repeats_categories(const Mention& all) const {
  if (!all.is_list) return false;
  std::vector<std::string_view> rests;
  for (const Mention& mention : mentions_) {
    if (mention.category && mention.is_list) rests.push_back(mention.text);
  }
  std::string_view text = all.text;
  for (std::string_view tag = take_word(text); !tag.empty(); tag = take_word(text)) {
    const auto begins_with_it = [&](std::string_view& rest) {
      std::string_view further = rest;
      if (take_word(further) != tag) return false;
      rest = further;
      return true;
    };
    if (!std::ranges::any_of(rests, begins_with_it)) return false;
  }
  return true;
}

Post PostRecord::finish(TagDictionary& tags) && {
  if (post.id.empty()) post.id = !post.md5.empty() ? post.md5 : file_name;
  if (post.id.empty()) throw DataError("no_id");
  if (tags_follow_caption) append_tags_to_caption();
  for (const Mention& mention : mentions_) {
    if (mention.category) take_tags(mention, tags);
  }
  for (const Mention& mention : mentions_) {
    if (!mention.category && !repeats_categories(mention)) take_tags(mention, tags);
  }
  return std::move(post);
}

}  // namespace atelier

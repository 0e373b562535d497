// The fields of a post's record, whatever names and types its dump gives them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/post/post.h"
#include "data/post/tag_dictionary.h"

namespace atelier {

/// What a field of a record means. Several names mean the same: see post_column().
enum class PostColumn : uint8_t {
  kId,
  kMd5,
  kRating,
  kCreatedAt,
  kWidth,
  kHeight,
  kScore,
  kUpScore,
  kDownScore,
  kFavCount,
  kParentId,
  kFileExtension,
  kFileUrl,  // only for its suffix
  kFileName,
  kImagePath,  // the same, as sd-scripts' metadata call it
  kCaption,
  kCaptions,   // a list: the first is the caption if there is no other
  kImageSize,  // a list of width and height
  kPixelHash,
  kSourceUrl,
  kIsDeleted,
  kIsBanned,
  kIsPending,
  kTags,  // all categories, or each with its own
  kTagsGeneral,
  kTagsArtist,
  kTagsCopyright,
  kTagsCharacter,
  kTagsMeta,
};

/// nullopt for names that mean nothing to us; they are skipped.
std::optional<PostColumn> post_column(std::string_view name);

/// A record while it is being read: fields come in any order.
class PostRecord {
 public:
  /// A text, number or null written as text; null and "" leave the field unset. Tags are only looked at by finish():
  /// `value` must live until then. DataError "bad_value" if it cannot be what the column needs.
  void set(PostColumn column, std::string_view value);
  /// The same for values whose type is known.
  void set_number(PostColumn column, int64_t value);
  void set_flag(PostColumn column, bool value);
  void set_time(int64_t seconds_since_1970);
  /// One of a list: a tag, a caption, a side of the picture. Must live until finish().
  void add(PostColumn column, std::string_view item);
  /// One tag; no category: as the dictionary knows it from elsewhere. Must live until finish().
  void add_tag(std::string_view name, std::optional<TagCategory> category);

  bool has_tags() const { return !mentions_.empty(); }

  /// The finished post. DataError "no_id" if nothing identifies it.
  Post finish(TagDictionary& tags) &&;

  std::string file_name, file_extension;  // where its picture may be
  /// Of posts that sd-scripts prepared: what it trains on is the caption, then the tags.
  bool tags_follow_caption = false;

  Post post;

 private:
  /// One tag, or a list written as one text: separated by commas if there are any, else by white space.
  struct Mention {
    std::string_view text;
    std::optional<TagCategory> category;
    bool is_list;
  };
  void append_tags_to_caption();
  bool repeats_categories(const Mention& all) const;
  void take_tags(const Mention& mention, TagDictionary& tags);

  std::vector<Mention> mentions_;
  int sides_ = 0;
};

/// 0 general, 1 artist, 3 copyright, 4 character, 5 meta, as the site numbers them; nullopt otherwise.
std::optional<TagCategory> site_category(int64_t number);

/// The category of kTagsGeneral ... kTagsMeta; nullopt for other columns.
std::optional<TagCategory> category_of(PostColumn column);

}  // namespace atelier

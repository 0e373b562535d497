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
  kFileName,
  kCaption,
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
  /// A text, number or null written as text; null and "" leave the field unset. DataError "bad_value" (where: the
  /// name) if it cannot be what the column needs.
  void set(PostColumn column, std::string_view value);
  /// One tag; no category: as the dictionary knows it from elsewhere.
  void add_tag(std::string_view name, std::optional<TagCategory> category);
  /// A list written as one text: separated by commas if there are any, else by white space.
  void add_tags(std::string_view list, std::optional<TagCategory> category);

  /// The finished post. DataError "no_id" if nothing identifies it.
  Post finish(TagDictionary& tags) &&;

  std::string file_name, file_extension;  // where its picture may be

  Post post;

 private:
  struct Mention {
    std::string name;
    std::optional<TagCategory> category;
  };
  std::vector<Mention> mentions_;
  bool has_categories_ = false;
};

/// 0 general, 1 artist, 3 copyright, 4 character, 5 meta, as the site numbers them; nullopt otherwise.
std::optional<TagCategory> site_category(int64_t number);

/// The category of kTagsGeneral ... kTagsMeta; nullopt for other columns.
std::optional<TagCategory> category_of(PostColumn column);

}  // namespace atelier

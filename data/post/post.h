// One post as read from a source: a record about a picture, its tags as ids of a TagDictionary.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/image/image_info.h"

namespace atelier {

/// The categories of Danbooru's tags, in the order in which they are stored and shown. The site numbers them 0 general,
/// 1 artist, 3 copyright, 4 character, 5 meta.
enum class TagCategory : uint8_t { kGeneral, kArtist, kCopyright, kCharacter, kMeta };
inline constexpr int kTagCategoryCount = 5;
inline constexpr std::array<std::string_view, kTagCategoryCount> kTagCategoryNames = {"general", "artist", "copyright",
                                                                                      "character", "meta"};

/// `kSafe` is the old dumps' `s`, which covers both of what is now general and most of what is sensitive.
enum class Rating : uint8_t { kGeneral, kSafe, kSensitive, kQuestionable, kExplicit, kUnknown };
inline constexpr int kRatingCount = 6;
inline constexpr std::array<std::string_view, kRatingCount> kRatingNames = {"general",      "safe",     "sensitive",
                                                                            "questionable", "explicit", "unknown"};

/// Picture facts that a probe gives and the manifest remembers, so that an unchanged file is not opened again.
struct PictureFile {
  /// Absolute, or s3://...; of the archive for a picture in one; empty: the post has no picture here.
  std::string path;
  int64_t offset = 0;      // of the picture's first byte within `path`
  int64_t size_bytes = 0;  // of the picture
  int64_t modified_ns = 0;  // since 1970
  ImageInfo info;           // its orientation is only known right after a probe, not out of a manifest
};

struct Post {
  std::string id;
  PictureFile picture;
  int32_t width = 0, height = 0;      // of the picture, or as the record says when there is none; 0: unknown
  std::optional<int64_t> created_at;  // seconds since 1970, UTC
  Rating rating = Rating::kUnknown;
  bool rated_s = false;  // written as `s`: safe or sensitive, decided once the whole source is read
  std::optional<int32_t> score, up_score, down_score, fav_count;
  std::string parent_id, md5, pixel_hash;  // empty: none; the last is Danbooru's, of the decoded picture
  std::string source_url;                  // where the artist published it; empty: unknown
  bool is_deleted = false, is_banned = false, is_pending = false;  // as the site says; flagged posts are pending
  std::string caption;                        // first line of the sidecar, or the record's caption; empty: none
  std::vector<std::string> further_captions;  // the sidecar's other lines, or the record's other captions
  std::vector<int32_t> tags;                  // ids, each once, in the order of the source
};

/// Lower case, spaces as underscores, `\(` as `(`: the form under which a tag is known, whatever its source wrote.
std::string canonical_tag(std::string_view text);

}  // namespace atelier

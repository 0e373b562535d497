// A caption in the making: a text that stays as it is written until an operator asks for its tags.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/caption/caption_policy.h"

namespace atelier {

/// A tag, or a sentence that counts as one piece.
struct DraftTag {
  static constexpr int32_t kWritten = -1;  // of a caption, not of a group

  std::string text;
  int32_t group = kWritten;         // of the policy; of a caption cut at group_separator: its place
  std::optional<CaptionPart> part;  // absent: of a written caption
  std::string_view category;        // "artist", "rating"; empty: of a written caption
  int64_t count = 0;                // posts of the dataset that carry it
  std::optional<uint32_t> in_sets;  // bits of tag_sets; absent: not yet known
  bool fixed = false;               // neither moved nor dropped
  bool sentence = false;            // the sample's own caption beside tags: fixed, spelled as it is
};

class CaptionDraft {
 public:
  void set_text(std::string text);
  void set_tags(std::vector<DraftTag> tags);
  /// Written before and after what is there, with a space. One that ends (begins) with `separator` is tags of its own.
  void add_prefix(std::string_view prefix, std::string_view separator);
  void add_suffix(std::string_view suffix, std::string_view separator);

  bool is_text() const { return !is_tags_; }
  /// REQUIRES is_text().
  std::string& text() { return text_; }
  /// REQUIRES !is_text().
  std::vector<DraftTag>& tags() { return tags_; }

  int32_t level = -1;    // drawn
  bool dropped = false;  // the whole caption is gone: nothing is added any more

 private:
  std::string text_;
  std::vector<DraftTag> tags_;
  bool is_tags_ = false;
};

/// Pieces of `text` between separators, trimmed; an empty separator cuts nothing.
std::vector<std::string_view> cut_pieces(std::string_view text, std::string_view separator);

}  // namespace atelier

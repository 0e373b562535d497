#include "data/caption/tag_text.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace atelier {
namespace {

constexpr int64_t kMaxFaceLength = 3;
/// Kaomoji of more than three characters.
constexpr std::array<std::string_view, 4> kLongFaces = {"(o)_(o)", "<o>_<o>", "<|>_<|>", "||_||"};

int64_t character_count(std::string_view utf8) {
  return std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

/// "girls", "boy" ...: the words that Danbooru numbers people with.
bool is_person_word(std::string_view word) {
  if (word.ends_with('s')) word.remove_suffix(1);
  return word == "girl" || word == "boy" || word == "other";
}

}  // namespace

bool is_face(std::string_view tag) {
  if (tag.size() <= 4 * kMaxFaceLength && character_count(tag) <= kMaxFaceLength) return true;
  return std::find(kLongFaces.begin(), kLongFaces.end(), tag) != kLongFaces.end();
}

std::string tag_as_text(std::string_view tag) {
  std::string text(tag);
  if (!is_face(tag)) std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

bool is_count_tag(std::string_view tag) {
  constexpr std::string_view kMultiple = "multiple_";
  if (tag == "solo") return true;
  if (tag.starts_with(kMultiple)) return is_person_word(tag.substr(kMultiple.size()));
  const size_t digits = std::min(tag.find_first_not_of("0123456789"), tag.size());
  tag.remove_prefix(digits);
  if (tag.starts_with('+')) tag.remove_prefix(1);
  return digits > 0 && is_person_word(tag);
}

}  // namespace atelier

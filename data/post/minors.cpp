#include "data/post/minors.h"

#include <algorithm>

#include "configs/base/resources.h"
#include "data/post/word_list.h"

namespace atelier {
namespace {

/// Lower-case words with one space before, between and after: "A Child's toy" -> " a child s toy ". Bytes outside ASCII
/// count as letters.
std::string spaced_words(std::string_view text) {
  std::string words = " ";
  for (const char c : text) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool letter =
        upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 128;
    if (letter) words.push_back(upper ? static_cast<char>(c - 'A' + 'a') : c);
    if (!letter && words.back() != ' ') words.push_back(' ');
  }
  if (words.back() != ' ') words.push_back(' ');
  return words;
}

std::vector<std::string> phrases(const std::vector<std::string>& entries) {
  std::vector<std::string> found;
  for (const std::string& entry : entries) {
    if (entry.find('*') == std::string::npos) found.push_back(spaced_words(entry));
  }
  return found;
}

bool any_matches(const std::vector<std::string>& patterns, std::string_view name) {
  return std::ranges::any_of(patterns, [&](const std::string& pattern) { return matches_pattern(pattern, name); });
}

bool any_inside(const std::vector<std::string>& phrases, const std::string& words) {
  return std::ranges::any_of(phrases,
                             [&](const std::string& phrase) { return words.find(phrase) != std::string::npos; });
}

}  // namespace

MinorsLists MinorsLists::from_resources() {
  return {read_word_list(resource_path("lists/minors_always.txt")),
          read_word_list(resource_path("lists/minors_unless_general.txt"))};
}

MinorsFilter::MinorsFilter(const MinorsLists& lists)
    : lists_(lists), always_phrases_(phrases(lists.always)), general_phrases_(phrases(lists.unless_general)) {}

MinorsFilter::Verdict MinorsFilter::tag_verdict(std::string_view name) const {
  if (any_matches(lists_.always, name)) return Verdict::kAlways;
  return any_matches(lists_.unless_general, name) ? Verdict::kUnlessGeneral : Verdict::kHarmless;
}

MinorsFilter::Verdict MinorsFilter::caption_verdict(std::string_view caption) const {
  const std::string words = spaced_words(caption);
  if (any_inside(always_phrases_, words)) return Verdict::kAlways;
  return any_inside(general_phrases_, words) ? Verdict::kUnlessGeneral : Verdict::kHarmless;
}

bool MinorsFilter::excludes(std::span<const int32_t> tag_ids, const std::vector<Verdict>& verdicts,
                            std::string_view caption, Rating rating) const {
  Verdict worst = caption.empty() ? Verdict::kHarmless : caption_verdict(caption);
  for (const int32_t id : tag_ids) worst = std::max(worst, verdicts[static_cast<size_t>(id)]);
  const bool general = rating == Rating::kGeneral || rating == Rating::kSafe;
  return worst == Verdict::kAlways || (worst == Verdict::kUnlessGeneral && !general);
}

}  // namespace atelier

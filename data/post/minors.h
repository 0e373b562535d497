// The exclusion that has no switch: posts that sexualise minors. It comes before every other filter; what it takes out
// is counted and stored nowhere.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/post/tag_dictionary.h"

namespace atelier {

/// The two maintained lists. Entries are tags, `*` stands for anything in a tag; entries without `*` are also looked
/// for as words of a caption.
struct MinorsLists {
  std::vector<std::string> always;          // mean it by themselves: excluded whatever the rating
  std::vector<std::string> unless_general;  // childhood: excluded unless the rating is general (or the old safe)

  /// `lists/minors_always.txt` and `lists/minors_unless_general.txt` that come with the program.
  static MinorsLists from_resources();
};

class MinorsFilter {
 public:
  explicit MinorsFilter(const MinorsLists& lists);

  /// What each tag of a dictionary means, to be asked once and not for every post.
  enum class Verdict : uint8_t { kHarmless, kUnlessGeneral, kAlways };
  Verdict tag_verdict(std::string_view name) const;

  /// True if the post must be left out. `verdicts` belongs to the dictionary of `tag_ids`. A rating that is missing
  /// does not count as general.
  bool excludes(std::span<const int32_t> tag_ids, const std::vector<Verdict>& verdicts, std::string_view caption,
                Rating rating) const;

 private:
  Verdict caption_verdict(std::string_view caption) const;

  MinorsLists lists_;
  std::vector<std::string> always_phrases_, general_phrases_;  // " word word "
};

}  // namespace atelier

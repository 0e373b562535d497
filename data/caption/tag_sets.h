// Named sets of tags (`tag_sets`): which of them a tag belongs to, as bits.
#pragma once

#include <cstdint>
#include <regex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "data/options/caption_options.h"

namespace atelier {

class TagSets {
 public:
  static constexpr size_t kMost = 32;

  /// ConfigError: two sets of one name, more than kMost, a pattern that is no regular expression, no words.
  TagSets(const std::vector<TagSetOptions>& options, const std::string& where);

  bool empty() const { return sets_.empty(); }
  /// Bit i: of set i. `text` is the tag as it is written, `kinds` its category and group, `count` its posts.
  uint32_t find(std::string_view text, const std::vector<std::string_view>& kinds, int64_t count) const;
  /// The bits of the sets named. ConfigError for an unknown one.
  uint32_t named(const std::vector<std::string>& names, const std::string& where) const;
  double drop_probability(size_t set) const { return sets_[set].drop_probability; }

 private:
  struct Set {
    std::string name, match;
    std::vector<std::string> words;
    std::unordered_set<std::string> exact;
    std::vector<std::regex> patterns;
    int64_t above = 0;
    double drop_probability = 0;

    bool holds(std::string_view text, const std::vector<std::string_view>& kinds, int64_t count) const;
  };

  std::vector<Set> sets_;
};

}  // namespace atelier

#include "data/caption/tag_sets.h"

#include <algorithm>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/caption/tag_text.h"

namespace atelier {

TagSets::TagSets(const std::vector<TagSetOptions>& options, const std::string& where) {
  if (options.size() > kMost) throw ConfigError(text("more than ", kMost, " sets of tags"), where);
  for (const TagSetOptions& given : options) {
    const std::string place = where + ": " + given.name;
    if (given.name.empty()) throw ConfigError("a set of tags needs a name", where);
    if (std::ranges::any_of(sets_, [&](const Set& set) { return set.name == given.name; })) {
      throw ConfigError("two sets of tags of one name", place, "name them apart");
    }
    if (given.words.empty() && given.match != "frequency") throw ConfigError("no words", place);
    Set set{given.name, given.match, {}, {}, {}, given.above, given.drop_probability};
    for (const std::string& word : given.words) {
      if (given.match == "exact") {
        set.exact.insert(tag_as_text(word));
      } else if (given.match == "regex") {
        try {
          set.patterns.emplace_back(word, std::regex::ECMAScript | std::regex::optimize);
        } catch (const std::regex_error& error) {
          throw ConfigError(text("not a regular expression: ", word), place, error.what());
        }
      } else {
        set.words.push_back(given.match == "category" ? word : tag_as_text(word));
      }
    }
    sets_.push_back(std::move(set));
  }
}

bool TagSets::Set::holds(std::string_view text, const std::vector<std::string_view>& kinds, int64_t count) const {
  const auto any = [this](auto&& fits) { return std::ranges::any_of(words, fits); };
  if (match == "exact") return exact.contains(std::string(text));
  if (match == "frequency") return count > above;
  if (match == "prefix") return any([&](const std::string& word) { return text.starts_with(word); });
  if (match == "suffix") return any([&](const std::string& word) { return text.ends_with(word); });
  if (match == "substring") return any([&](const std::string& word) { return text.find(word) != text.npos; });
  if (match == "category") {
    return any([&](const std::string& word) { return std::ranges::find(kinds, word) != kinds.end(); });
  }
  return std::ranges::any_of(
      patterns, [&](const std::regex& pattern) { return std::regex_match(text.begin(), text.end(), pattern); });
}

uint32_t TagSets::find(std::string_view text, const std::vector<std::string_view>& kinds, int64_t count) const {
  uint32_t bits = 0;
  for (size_t i = 0; i < sets_.size(); ++i) {
    if (sets_[i].holds(text, kinds, count)) bits |= uint32_t{1} << i;
  }
  return bits;
}

uint32_t TagSets::named(const std::vector<std::string>& names, const std::string& where) const {
  uint32_t bits = 0;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(sets_, name, &Set::name);
    if (found == sets_.end()) {
      std::vector<std::string> known;
      for (const Set& set : sets_) known.push_back(set.name);
      throw ConfigError("no set of tags is named '" + name + "'", where,
                        known.empty() ? "describe it in tag_sets" : "known are: " + join(known, ", "));
    }
    bits |= uint32_t{1} << (found - sets_.begin());
  }
  return bits;
}

}  // namespace atelier

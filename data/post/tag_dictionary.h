// All tags of a dataset: name <-> small integer, with category and number of posts.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/post/post.h"

namespace atelier {

/// A tag has one category in a dataset. Sources may disagree or say nothing (a plain list of tags): each mention with a
/// category is a vote, the most votes win, general if there are none.
class TagDictionary {
 public:
  static constexpr int32_t kUnknown = -1;

  TagDictionary() = default;
  TagDictionary(TagDictionary&&) = default;
  TagDictionary& operator=(TagDictionary&&) = default;
  TagDictionary(const TagDictionary&) = delete;
  TagDictionary& operator=(const TagDictionary&) = delete;

  /// The id of `name`, new if it was unknown. Ids count up from 0.
  int32_t intern(std::string_view name);
  /// kUnknown if absent.
  int32_t find(std::string_view name) const;
  void vote(int32_t id, TagCategory category, int64_t votes = 1);
  void add_count(int32_t id, int64_t posts) { entries_[static_cast<size_t>(id)].count += posts; }

  int32_t size() const { return static_cast<int32_t>(entries_.size()); }
  std::string_view name(int32_t id) const { return entries_[static_cast<size_t>(id)].name; }
  /// Posts that carry the tag.
  int64_t count(int32_t id) const { return entries_[static_cast<size_t>(id)].count; }
  TagCategory category(int32_t id) const;

  /// Takes in `other`'s names and votes (not its counts); element i is the id here of `other`'s i.
  std::vector<int32_t> merge(const TagDictionary& other);

 private:
  struct Entry {
    std::string name;
    int64_t count = 0;
    std::array<int64_t, kTagCategoryCount> votes{};
  };
  std::deque<Entry> entries_;  // addresses stay: the index holds views of the names
  std::unordered_map<std::string_view, int32_t> index_;
};

}  // namespace atelier

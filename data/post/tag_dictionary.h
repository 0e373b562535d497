// All tags of a dataset: name <-> small integer, with category and number of posts.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/post/post.h"

namespace atelier {

/// A tag has one category in a dataset. Sources may disagree or say nothing (a plain list of tags): each mention with a
/// category is a vote, the most votes win, general if there are none.
class TagDictionary {
 public:
  static constexpr int32_t kUnknown = -1;
  using Votes = std::array<int64_t, kTagCategoryCount>;

  /// The columns of a finished dictionary, which lie elsewhere: row number = id, names end to end.
  struct Table {
    std::span<const int32_t> name_ends;  // one more than tags: name i is [name_ends[i], name_ends[i + 1]) of `names`
    const char* names = nullptr;
    std::span<const int8_t> categories;
    std::span<const int64_t> counts, raw_counts;
    std::shared_ptr<const void> owner;  // keeps the columns alive
  };

  TagDictionary();
  /// Takes no time and memory of its own but for find(), whose index is made when it is first asked. Nothing can be
  /// added to it. Names must differ.
  explicit TagDictionary(Table table);
  ~TagDictionary();
  TagDictionary(TagDictionary&&) noexcept;
  TagDictionary& operator=(TagDictionary&&) noexcept;

  /// The id of `name`, new if it was unknown. Ids count up from 0.
  int32_t intern(std::string_view name);
  /// kUnknown if absent. Thread-safe.
  int32_t find(std::string_view name) const;
  void vote(int32_t id, TagCategory category, int64_t votes = 1) {
    votes_[static_cast<size_t>(id)][static_cast<size_t>(category)] += votes;
  }

  int32_t size() const;
  std::string_view name(int32_t id) const;
  TagCategory category(int32_t id) const;
  /// Of a dictionary that is being made.
  const Votes& votes(int32_t id) const { return votes_[static_cast<size_t>(id)]; }
  /// Posts that carry the tag, aliases and implications followed; of a finished dictionary.
  int64_t count(int32_t id) const { return table_.counts[static_cast<size_t>(id)]; }
  /// Posts that carry it as written.
  int64_t raw_count(int32_t id) const { return table_.raw_counts[static_cast<size_t>(id)]; }
  const Table& table() const { return table_; }

  /// Takes in `other`'s names and votes; element i is the id here of `other`'s i.
  std::vector<int32_t> merge(const TagDictionary& other);

 private:
  class Index;

  int32_t add(std::string_view name, uint64_t hash);
  std::string_view keep(std::string_view name);

  Table table_;  // of a finished dictionary
  // Of one that is being made:
  std::vector<std::string_view> names_;
  std::vector<Votes> votes_;
  std::deque<std::string> blocks_;  // what the names view
  std::unique_ptr<Index> index_;
};

}  // namespace atelier

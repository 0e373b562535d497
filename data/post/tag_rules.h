// What tags mean besides their names: which of them are other names, which come with others, of what category they are.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/options/tag_options.h"
#include "data/post/post.h"

namespace atelier {

/// Names are canonical tags everywhere. Immutable once made, safe in several threads.
class TagRules {
 public:
  /// No rules at all.
  TagRules() = default;
  /// Reads the tables that the options name. ConfigError with file and line for what cannot be read.
  explicit TagRules(const TagOptions& options);

  /// The name that `name` stands for, through chains of aliases: itself, if it is no alias. Valid while both live.
  std::string_view resolve(std::string_view name) const;
  /// Everything that a post with the tag has as well, directly and through others; resolved, in the order of the table,
  /// without `name` itself. REQUIRES a resolved name.
  std::span<const std::string> implied(std::string_view name) const;
  /// nullopt: unknown, so general unless its source knows better. REQUIRES a resolved name.
  std::optional<TagCategory> category(std::string_view name) const;

  /// Of all tables: equal rules, equal hash.
  const std::string& hash() const { return hash_; }

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  template <typename Value>
  using ByName = std::unordered_map<std::string, Value, Hash, std::equal_to<>>;

  void add_aliases(const std::string& table, const std::string& where);
  void add_implications(const std::string& table, const std::string& where);
  void add_categories(const std::string& table, const std::string& where);

  ByName<std::string> aliases_;
  ByName<std::vector<std::string>> implied_;
  ByName<TagCategory> categories_;
  std::string hash_;
};

}  // namespace atelier

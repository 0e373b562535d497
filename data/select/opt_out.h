// Who does not want to be trained on: lists of artists, sources and posts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "data/manifest/manifest.h"
#include "data/options/select_options.h"

namespace atelier {

enum class OptOut : uint8_t { kArtist, kSource, kPost, kBanned };

class OptOutLists {
 public:
  /// ConfigError for a list that cannot be read. An artist is meant by all names that Danbooru knows: the one that a
  /// post has and the one on the list may be aliases of the same.
  OptOutLists(const Manifest& manifest, const OptOutOptions& options);

  /// The first that holds; nullopt: none.
  std::optional<OptOut> find(int64_t row) const;

 private:
  void read_artists(const std::string& path);
  void read_sources(const std::string& path);
  void read_posts(const std::string& path);
  bool by_artist(int64_t row) const;
  bool by_source(int64_t row) const;
  bool by_post(int64_t row) const;

  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  using Texts = std::unordered_set<std::string, Hash, std::equal_to<>>;

  const Manifest& manifest_;
  std::vector<bool> artists_;  // by tag; empty: no list
  Texts sources_, posts_;
  std::vector<std::string> source_patterns_;  // those with `*`
};

}  // namespace atelier

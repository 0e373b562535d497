#include "data/select/opt_out.h"

#include <algorithm>

#include "configs/base/text.h"
#include "data/post/tag_rules.h"
#include "data/post/word_list.h"

namespace atelier {
namespace {

/// "https://www.Pixiv.net/users/1/" -> "pixiv.net/users/1"
std::string plain_url(std::string_view url) {
  std::string plain = lower_ascii(trim(url));
  for (const std::string_view beginning : {"https://", "http://", "www."}) {
    if (plain.starts_with(beginning)) plain.erase(0, beginning.size());
  }
  while (plain.ends_with('/')) plain.pop_back();
  return plain;
}

}  // namespace

OptOutLists::OptOutLists(const Manifest& manifest, const OptOutOptions& options) : manifest_(manifest) {
  if (options.artists) read_artists(*options.artists);
  if (options.sources) read_sources(*options.sources);
  if (options.posts) read_posts(*options.posts);
}

void OptOutLists::read_artists(const std::string& path) {
  const TagDictionary& tags = manifest_.dictionary();
  const TagRules rules(TagOptions{.implications = "none", .categories = "none"});
  Texts names;
  for (std::string& artist : read_word_list(path)) {
    names.emplace(rules.resolve(artist));
    names.insert(std::move(artist));
  }
  artists_.assign(static_cast<size_t>(tags.size()), false);
  for (int32_t tag = 0; tag < tags.size(); ++tag) {
    const std::string_view name = tags.name(tag);
    artists_[static_cast<size_t>(tag)] = names.contains(name) || names.contains(rules.resolve(name));
  }
}

void OptOutLists::read_sources(const std::string& path) {
  for (const std::string& line : read_lines(path)) {
    std::string url = plain_url(line);
    if (url.find('*') == url.npos)
      sources_.insert(std::move(url));
    else
      source_patterns_.push_back(std::move(url));
  }
}

void OptOutLists::read_posts(const std::string& path) {
  for (std::string& line : read_lines(path)) posts_.insert(std::move(line));
}

std::optional<OptOut> OptOutLists::find(int64_t row) const {
  if (!artists_.empty() && by_artist(row)) return OptOut::kArtist;
  if ((!sources_.empty() || !source_patterns_.empty()) && by_source(row)) return OptOut::kSource;
  if (!posts_.empty() && by_post(row)) return OptOut::kPost;
  if (manifest_.is_banned(row)) return OptOut::kBanned;
  return std::nullopt;
}

/// A folder's tags have no categories: an opted-out name counts wherever it stands.
bool OptOutLists::by_artist(int64_t row) const {
  for (int c = 0; c < kTagCategoryCount; ++c) {
    const auto tags = manifest_.tags(row, static_cast<TagCategory>(c));
    if (std::ranges::any_of(tags, [&](int32_t tag) { return artists_[static_cast<size_t>(tag)]; })) return true;
  }
  return false;
}

/// The source itself, or anything below it: every beginning that ends before a `/`, `?` or `#` is looked for.
bool OptOutLists::by_source(int64_t row) const {
  const std::string url = plain_url(manifest_.source_url(row));
  if (url.empty()) return false;
  for (size_t end = 0; end != url.npos;) {
    end = url.find_first_of("/?#", end + 1);
    const std::string_view beginning = std::string_view(url).substr(0, end);
    const auto matches = [&](const std::string& pattern) { return matches_pattern(pattern, beginning); };
    if (sources_.contains(beginning) || std::ranges::any_of(source_patterns_, matches)) return true;
  }
  return false;
}

bool OptOutLists::by_post(int64_t row) const {
  return posts_.contains(manifest_.id(row)) || (!manifest_.md5(row).empty() && posts_.contains(manifest_.md5(row)));
}

}  // namespace atelier

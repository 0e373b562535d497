#include <fnmatch.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/files/files.h"

namespace atelier {
namespace {

constexpr std::string_view kWild = "*?[", kPattern = "*?[{";
constexpr int64_t kMaxFiles = 1'000'000;

/// What stands before the `?...` of a remote pattern.
std::string without_query(const std::string& pattern) {
  return is_remote(pattern) ? pattern.substr(0, pattern.rfind('?')) : pattern;
}

std::optional<int64_t> whole_number(std::string_view digits) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value < 0) return std::nullopt;
  return value;
}

/// "0000..0099" counted, as wide as its first number is written; "a,b" at its commas.
std::vector<std::string> choices(std::string_view inside) {
  std::vector<std::string> words;
  const size_t dots = inside.find("..");
  const auto first = whole_number(inside.substr(0, std::min(dots, inside.size())));
  const auto last = dots == std::string_view::npos ? std::nullopt : whole_number(inside.substr(dots + 2));
  if (!first || !last) {
    for (const std::string_view word : split(inside, ',')) words.emplace_back(word);
    return words;
  }
  if (*last - *first >= kMaxFiles) throw ConfigError("a range of too many files", std::string(inside));
  for (int64_t number = *first; number <= *last; ++number) {
    std::string word = std::to_string(number);
    if (word.size() < dots) word.insert(0, dots - word.size(), '0');
    words.push_back(std::move(word));
  }
  return words;
}

/// Every `{...}` replaced by each of its choices.
std::vector<std::string> expand_braces(const std::string& pattern) {
  const size_t close = pattern.find('}');
  const size_t open = close == std::string::npos ? close : pattern.rfind('{', close);
  if (open == std::string::npos) return {pattern};
  std::vector<std::string> expanded;
  for (const std::string& choice : choices(std::string_view(pattern).substr(open + 1, close - open - 1))) {
    for (std::string& path : expand_braces(pattern.substr(0, open) + choice + pattern.substr(close + 1))) {
      expanded.push_back(std::move(path));
    }
  }
  return expanded;
}

/// The files that `*`, `?` and `[...]` match: below the last folder before the first of them.
std::vector<std::string> match(const std::string& pattern) {
  const size_t query = without_query(pattern).size();
  const size_t wild = pattern.substr(0, query).find_first_of(kWild);
  if (wild == std::string::npos) return {pattern};
  const size_t slash = pattern.rfind('/', wild);
  const std::string folder = slash == std::string::npos ? "." : pattern.substr(0, std::max<size_t>(slash, 1));
  const size_t begin = slash == std::string::npos ? 0 : slash + 1;
  const std::string names = pattern.substr(begin, query - begin);
  const std::string reachable = folder + pattern.substr(query);
  const auto facts = file_facts(reachable);
  if (!facts || !facts->is_folder) return {};
  const bool deep = names.find('/') != std::string::npos;
  std::vector<std::string> found;
  for (const ListedFile& file : deep ? list_files(reachable) : list_folder(reachable)) {
    if (fnmatch(names.c_str(), file.name.c_str(), FNM_PATHNAME) == 0) found.push_back(join_path(reachable, file.name));
  }
  return found;
}

}  // namespace

std::vector<std::string> expand_pattern(const std::string& pattern) {
  const bool plain = pattern.find_first_of(kPattern) == std::string::npos;
  if (plain || file_facts(pattern)) return {pattern};
  std::vector<std::string> files;
  for (const std::string& path : expand_braces(pattern)) {
    for (std::string& file : match(path)) files.push_back(std::move(file));
  }
  if (files.empty()) throw ConfigError("no file matches", pattern, "check the pattern and the folder before it");
  return files;
}

std::vector<std::string> expand_folder(const std::string& path, std::string_view suffix) {
  const std::optional<FileFacts> facts = file_facts(path);
  if (!facts || !facts->is_folder) return expand_pattern(path);
  std::vector<std::string> files;
  for (const ListedFile& file : list_files(path)) {
    if (file_suffix(file.name) == suffix) files.push_back(join_path(path, file.name));
  }
  if (files.empty()) throw ConfigError(text("no ", suffix, " file in the folder"), path);
  return files;
}

std::string pattern_folder(const std::string& pattern) {
  if (const std::optional<FileFacts> facts = file_facts(pattern)) {
    return facts->is_folder ? pattern : parent_path(pattern);
  }
  const std::string names = without_query(pattern);
  return parent_path(names.substr(0, names.find_first_of(kPattern)));
}

}  // namespace atelier

#include "data/post/word_list.h"

#include "configs/base/atomic_file.h"
#include "configs/base/text.h"
#include "data/post/post.h"

namespace atelier {

bool matches_pattern(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p, ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;  // the last star takes one byte more
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::vector<std::string> read_lines(const std::filesystem::path& path) {
  std::vector<std::string> entries;
  const std::string content = read_file(path);
  std::string_view text = content;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  for (std::string_view line : split(text, '\n')) {
    for (size_t at = line.find('#'); at != std::string_view::npos; at = line.find('#', at + 1)) {
      if (at > 0 && line[at - 1] != ' ' && line[at - 1] != '\t') continue;
      line = line.substr(0, at);
      break;
    }
    if (line = trim(line); !line.empty()) entries.emplace_back(line);
  }
  return entries;
}

std::vector<std::string> read_word_list(const std::filesystem::path& path) {
  std::vector<std::string> entries = read_lines(path);
  for (std::string& entry : entries) entry = canonical_tag(entry);
  return entries;
}

}  // namespace atelier

#include "data/post/post.h"

#include "configs/base/text.h"

namespace atelier {

std::string canonical_tag(std::string_view tag) {
  tag = trim(tag);
  std::string name;
  name.reserve(tag.size());
  for (size_t i = 0; i < tag.size(); ++i) {
    const char c = tag[i];
    const bool escape = c == '\\' && i + 1 < tag.size() && (tag[i + 1] == '(' || tag[i + 1] == ')');
    if (escape) continue;
    const bool space = c == ' ' || c == '\t';
    if (space && !name.empty() && name.back() == '_') continue;  // runs of spaces
    name.push_back(space ? '_' : (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return name;
}

}  // namespace atelier

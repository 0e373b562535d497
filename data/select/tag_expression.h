// Tags in or out, by expression: `1girl !comic (solo | *_focus)`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/post/tag_dictionary.h"

namespace atelier {

/// Grammar: `a | b` either; `a b`, `a & b`, `a, b` both; `!a`, `-a` not; parentheses. A word is a tag, `*` within it
/// stands for anything, quotes hold words with spaces. Parentheses that belong to a tag (`lina_(slayers)`) are balanced
/// within the word.
class TagExpression {
 public:
  /// ConfigError that points at what is wrong. An empty text is true for every post.
  TagExpression(std::string_view text, const TagDictionary& tags);
  ~TagExpression();

  /// `has` answers whether the post carries a tag.
  bool matches(const std::function<bool(int32_t tag)>& has) const;

 private:
  struct Node;
  class Parser;
  std::unique_ptr<Node> root_;
};

}  // namespace atelier

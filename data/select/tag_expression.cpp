#include "data/select/tag_expression.h"

#include <algorithm>

#include "configs/base/error.h"
#include "configs/base/log.h"
#include "configs/base/text.h"
#include "data/post/word_list.h"

namespace atelier {

struct TagExpression::Node {
  enum class Kind { kAny, kAll, kNot, kTags };

  Kind kind = Kind::kAll;
  std::vector<std::unique_ptr<Node>> children;
  std::vector<int32_t> tags;  // kTags: any of them

  bool holds(const std::function<bool(int32_t)>& has) const {
    const auto child_holds = [&](const std::unique_ptr<Node>& child) { return child->holds(has); };
    switch (kind) {
      case Kind::kAny: return std::ranges::any_of(children, child_holds);
      case Kind::kAll: return std::ranges::all_of(children, child_holds);
      case Kind::kNot: return !children[0]->holds(has);
      case Kind::kTags: return std::ranges::any_of(tags, has);
    }
    return false;
  }
};

/// Recursive descent: either := both ('|' both)*, both := not (('&' | ',' | nothing) not)*, not := ('!' | '-') not |
/// group.
class TagExpression::Parser {
 public:
  Parser(std::string_view text, const TagDictionary& tags) : text_(text), tags_(tags) {}

  std::unique_ptr<Node> parse() {
    std::unique_ptr<Node> node = either();
    if (at_ < text_.size()) fail("a closing parenthesis without an opening one");
    return node;
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) ++at_;
  }
  char peek() {
    skip_space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  [[noreturn]] void fail(const std::string& why) const {
    throw ConfigError("tag expression: " + why, text("dataset.select.tags: \"", text_, "\", character ", at_ + 1),
                      "example: 1girl !comic (solo | *_focus)");
  }

  std::unique_ptr<Node> either() {
    auto node = make(Node::Kind::kAny);
    node->children.push_back(both());
    while (peek() == '|') {
      ++at_;
      node->children.push_back(both());
    }
    return node;
  }

  std::unique_ptr<Node> both() {
    auto node = make(Node::Kind::kAll);
    node->children.push_back(negation());
    while (true) {
      const char next = peek();
      if (next == '\0' || next == '|' || next == ')') return node;
      if (next == '&' || next == ',') ++at_;
      node->children.push_back(negation());
    }
  }

  std::unique_ptr<Node> negation() {
    if (peek() != '!' && peek() != '-') return group();
    ++at_;
    auto node = make(Node::Kind::kNot);
    node->children.push_back(negation());
    return node;
  }

  std::unique_ptr<Node> group() {
    if (peek() != '(') return word();
    ++at_;
    auto node = either();
    if (peek() != ')') fail("a parenthesis is not closed");
    ++at_;
    return node;
  }

  std::unique_ptr<Node> word() {
    std::string pattern = canonical_tag(peek() == '"' ? quoted() : bare());
    if (pattern.empty()) fail("a tag is missing");
    auto node = make(Node::Kind::kTags);
    if (pattern.find('*') == std::string::npos) {
      if (const int32_t tag = tags_.find(pattern); tag != TagDictionary::kUnknown) node->tags.push_back(tag);
    } else {
      for (int32_t tag = 0; tag < tags_.size(); ++tag) {
        if (matches_pattern(pattern, tags_.name(tag))) node->tags.push_back(tag);
      }
    }
    if (node->tags.empty()) log_warning("dataset.select.tags: no post has the tag ", pattern);
    return node;
  }

  std::string_view quoted() {
    const size_t begin = ++at_, end = text_.find('"', begin);
    if (end == std::string_view::npos) fail("a quote is not closed");
    at_ = end + 1;
    return text_.substr(begin, end - begin);
  }

  std::string_view bare() {
    const size_t begin = at_;
    for (int open = 0; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == ' ' || c == '\t' || c == '\n' || c == '|' || c == '&' || c == ',') break;
      if (c == ')' && open == 0) break;
      open += (c == '(') - (c == ')');
    }
    return text_.substr(begin, at_ - begin);
  }

  static std::unique_ptr<Node> make(Node::Kind kind) {
    auto node = std::make_unique<Node>();
    node->kind = kind;
    return node;
  }

  std::string_view text_;
  const TagDictionary& tags_;
  size_t at_ = 0;
};

TagExpression::TagExpression(std::string_view text, const TagDictionary& tags) {
  root_ = trim(text).empty() ? std::make_unique<Node>() : Parser(text, tags).parse();
}

TagExpression::~TagExpression() = default;

bool TagExpression::matches(const std::function<bool(int32_t)>& has) const { return root_->holds(has); }

}  // namespace atelier

#include "data/select/tag_expression.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "configs/base/error.h"
#include "configs/base/log.h"
#include "configs/base/text.h"
#include "data/post/word_list.h"

namespace atelier {
namespace {

constexpr std::array<std::pair<std::string_view, PostNumber>, 12> kNumbers = {{
    {"score", PostNumber::kScore},
    {"up_score", PostNumber::kUpScore},
    {"down_score", PostNumber::kDownScore},
    {"fav_count", PostNumber::kFavCount},
    {"width", PostNumber::kWidth},
    {"height", PostNumber::kHeight},
    {"megapixels", PostNumber::kMegapixels},
    {"aspect", PostNumber::kAspect},
    {"year", PostNumber::kYear},
    {"file_size", PostNumber::kFileSize},
    {"bytes_per_pixel", PostNumber::kBytesPerPixel},
    {"tag_count", PostNumber::kTagCount},
}};
constexpr std::string_view kRating = "rating";

/// Longer ones first: `>=` begins with `>`.
constexpr std::array<std::string_view, 6> kComparisons = {">=", "<=", "!=", ">", "<", "="};

bool compare(double left, std::string_view comparison, double right) {
  if (comparison == ">=") return left >= right;
  if (comparison == "<=") return left <= right;
  if (comparison == "!=") return left != right;
  if (comparison == ">") return left > right;
  if (comparison == "<") return left < right;
  return left == right;
}

std::optional<PostNumber> number_named(std::string_view name) {
  const auto found = std::ranges::find(kNumbers, name, &std::pair<std::string_view, PostNumber>::first);
  return found == kNumbers.end() ? std::nullopt : std::optional(found->second);
}

bool is_comparable(std::string_view name) { return name == kRating || number_named(name); }

std::string_view comparison_at(std::string_view text) {
  const auto found = std::ranges::find_if(kComparisons, [&](std::string_view c) { return text.starts_with(c); });
  return found == kComparisons.end() ? std::string_view() : *found;
}

template <typename Value>
std::optional<double> as_number(const std::optional<Value>& value) {
  return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
}

}  // namespace

bool RowFacts::has(int32_t tag) const {
  for (int c = 0; c < kTagCategoryCount; ++c) {
    const auto tags = manifest_.tags(row_, static_cast<TagCategory>(c));
    if (std::ranges::find(tags, tag) != tags.end()) return true;
  }
  return false;
}

std::optional<double> RowFacts::number(PostNumber which) const {
  const double width = manifest_.width(row_), height = manifest_.height(row_);
  const bool sized = width > 0 && height > 0, has_file = !manifest_.path(row_).empty();
  const auto where = [](bool known, double value) { return known ? std::optional(value) : std::nullopt; };
  switch (which) {
    case PostNumber::kScore: return as_number(manifest_.score(row_));
    case PostNumber::kUpScore: return as_number(manifest_.up_score(row_));
    case PostNumber::kDownScore: return as_number(manifest_.down_score(row_));
    case PostNumber::kFavCount: return as_number(manifest_.fav_count(row_));
    case PostNumber::kYear: return as_number(manifest_.year(row_));
    case PostNumber::kWidth: return where(sized, width);
    case PostNumber::kHeight: return where(sized, height);
    case PostNumber::kMegapixels: return where(sized, width * height / 1e6);
    case PostNumber::kAspect: return where(sized, width / height);
    case PostNumber::kFileSize: return where(has_file, static_cast<double>(manifest_.file_size(row_)));
    case PostNumber::kBytesPerPixel:
      return where(has_file && sized, static_cast<double>(manifest_.file_size(row_)) / (width * height));
    case PostNumber::kTagCount: {
      size_t count = 0;
      for (int c = 0; c < kTagCategoryCount; ++c) count += manifest_.tags(row_, static_cast<TagCategory>(c)).size();
      return static_cast<double>(count);
    }
  }
  return std::nullopt;
}

struct TagExpression::Node {
  enum class Kind { kAny, kAll, kNot, kTags, kNumber, kRating };

  Kind kind = Kind::kAll;
  std::vector<std::unique_ptr<Node>> children;
  std::vector<int32_t> tags;  // kTags: any of them
  PostNumber number{};        // kNumber, compared with `value`
  std::string_view comparison;
  double value = 0;
  Rating rating{};  // kRating

  bool holds(const PostFacts& post) const {
    const auto child_holds = [&](const std::unique_ptr<Node>& child) { return child->holds(post); };
    switch (kind) {
      case Kind::kAny: return std::ranges::any_of(children, child_holds);
      case Kind::kAll: return std::ranges::all_of(children, child_holds);
      case Kind::kNot: return !children[0]->holds(post);
      case Kind::kTags: return std::ranges::any_of(tags, [&](int32_t tag) { return post.has(tag); });
      case Kind::kNumber: {
        const std::optional<double> known = post.number(number);
        return known && compare(*known, comparison, value);
      }
      case Kind::kRating: return post.rating() != Rating::kUnknown && (post.rating() == rating) == (comparison == "=");
    }
    return false;
  }
};

/// Recursive descent: either := both ('|' both)*, both := not (('&' | ',' | nothing) not)*, not := ('!' | '-') not |
/// group.
class TagExpression::Parser {
 public:
  Parser(std::string_view text, const TagDictionary& tags, std::string_view where)
      : text_(text), tags_(tags), where_(where) {}

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
    throw ConfigError("tag expression: " + why, text(where_, ": \"", text_, "\", character ", at_ + 1),
                      "example: 1girl !comic (solo | *_focus) score>=20");
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
    if (peek() == '"') return tag(quoted());
    const std::string_view found = bare();
    const size_t name_end = found.find_first_of("<>=!");
    if (!is_comparable(found.substr(0, name_end))) return tag(found);
    if (name_end != found.npos) at_ -= found.size() - name_end;  // back to the comparison
    const char* const kWhole = "a comparison is not whole: name, one of > >= < <= = !=, value";
    peek();
    const std::string_view sign = comparison_at(text_.substr(at_));
    if (sign.empty()) fail(kWhole);
    at_ += sign.size();
    peek();
    const std::string_view value = bare();
    if (value.empty()) fail(kWhole);
    const std::string_view name = found.substr(0, name_end);
    return name == kRating ? rating(sign, value) : number(*number_named(name), sign, value);
  }

  std::unique_ptr<Node> number(PostNumber which, std::string_view comparison, std::string_view value) {
    auto node = make(Node::Kind::kNumber);
    node->number = which;
    node->comparison = comparison;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), node->value);
    if (error != std::errc() || end != value.data() + value.size()) fail(text("`", value, "` is no number"));
    return node;
  }

  std::unique_ptr<Node> rating(std::string_view comparison, std::string_view value) {
    if (comparison != "=" && comparison != "!=") fail("ratings are compared with = and !=");
    auto node = make(Node::Kind::kRating);
    node->comparison = comparison;
    const auto found = std::ranges::find(kRatingNames, value);
    if (found == kRatingNames.end()) fail(text("`", value, "` is no rating"));
    node->rating = static_cast<Rating>(found - kRatingNames.begin());
    return node;
  }

  std::unique_ptr<Node> tag(std::string_view name) {
    std::string pattern = canonical_tag(name);
    if (pattern.empty()) fail("a tag is missing");
    auto node = make(Node::Kind::kTags);
    if (pattern.find('*') == std::string::npos) {
      if (const int32_t tag = tags_.find(pattern); tag != TagDictionary::kUnknown) node->tags.push_back(tag);
    } else {
      for (int32_t tag = 0; tag < tags_.size(); ++tag) {
        if (matches_pattern(pattern, tags_.name(tag))) node->tags.push_back(tag);
      }
    }
    if (node->tags.empty()) log_warning(where_, ": no post has the tag ", pattern);
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
  std::string_view where_;
  size_t at_ = 0;
};

TagExpression::TagExpression(std::string_view text, const TagDictionary& tags, std::string_view where) {
  root_ = trim(text).empty() ? std::make_unique<Node>() : Parser(text, tags, where).parse();
}

TagExpression::~TagExpression() = default;
TagExpression::TagExpression(TagExpression&&) noexcept = default;

bool TagExpression::matches(const PostFacts& post) const { return root_->holds(post); }

}  // namespace atelier

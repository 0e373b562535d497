// Posts in or out, by expression: `1girl !comic (solo | *_focus) score>=20`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "data/manifest/manifest.h"
#include "data/post/tag_dictionary.h"

namespace atelier {

/// Numbers of a post that expressions compare.
enum class PostNumber : uint8_t {
  kScore,
  kUpScore,
  kDownScore,
  kFavCount,
  kWidth,
  kHeight,
  kMegapixels,
  kAspect,  // width / height
  kYear,
  kFileSize,
  kBytesPerPixel,
  kTagCount,
};

/// What an expression asks of a post.
class PostFacts {
 public:
  virtual ~PostFacts() = default;
  virtual bool has(int32_t tag) const = 0;
  /// nullopt: unknown, which no comparison holds for.
  virtual std::optional<double> number(PostNumber which) const = 0;
  virtual Rating rating() const = 0;
};

/// A row of a manifest.
class RowFacts : public PostFacts {
 public:
  RowFacts(const Manifest& manifest, int64_t row) : manifest_(manifest), row_(row) {}
  bool has(int32_t tag) const override;
  std::optional<double> number(PostNumber which) const override;
  Rating rating() const override { return manifest_.rating(row_); }

 private:
  const Manifest& manifest_;
  int64_t row_;
};

/// Grammar: `a | b` either; `a b`, `a & b`, `a, b` both; `!a`, `-a` not; parentheses. A word is a tag, `*` within it
/// stands for anything, quotes hold words with spaces. Parentheses that belong to a tag (`lina_(slayers)`) are balanced
/// within the word. `score>=20`, also with >, <, <=, =, !=, compares a number of the post: score, up_score, down_score,
/// fav_count, width, height, megapixels, aspect, year, file_size, bytes_per_pixel, tag_count; `rating=general` and
/// `rating!=general` its rating. What a post does not say is neither equal, unequal, below nor above.
class TagExpression {
 public:
  /// ConfigError that points at what is wrong; `where` is the option that holds the text. An empty text is true for
  /// every post.
  TagExpression(std::string_view text, const TagDictionary& tags, std::string_view where);
  ~TagExpression();
  TagExpression(TagExpression&&) noexcept;

  bool matches(const PostFacts& post) const;
  bool matches(const Manifest& manifest, int64_t row) const { return matches(RowFacts(manifest, row)); }

 private:
  struct Node;
  class Parser;
  std::unique_ptr<Node> root_;
};

}  // namespace atelier

#include "data/caption/prompt.h"

#include <utf8proc.h>

#include <charconv>
#include <optional>

#include "data/caption/clip_words.h"

namespace atelier {
namespace {

constexpr std::string_view kBreak = "BREAK";

struct CodePoint {
  char32_t value;
  size_t size;  // bytes
};

/// Of `text` at `at`; bytes that are no UTF-8 are characters of their own that are neither space nor letter.
CodePoint code_point_at(std::string_view text, size_t at) {
  utf8proc_int32_t c = 0;
  const auto* data = reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at);
  const utf8proc_ssize_t used = utf8proc_iterate(data, static_cast<utf8proc_ssize_t>(text.size() - at), &c);
  if (used <= 0) return {U'\uFFFD', 1};
  return {static_cast<char32_t>(c), static_cast<size_t>(used)};
}

/// The character that ends before `end`; REQUIRES end > 0.
CodePoint code_point_before(std::string_view text, size_t end) {
  size_t at = end - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  const CodePoint found = code_point_at(text, at);
  return at + found.size == end ? found : CodePoint{U'\uFFFD', 1};
}

/// Letters, numbers, underscore: what a regular expression's word boundary stands between.
bool is_word_character(char32_t c) {
  if (c == U'_') return true;
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
         (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

size_t skip_space(std::string_view text, size_t at) {
  while (at < text.size()) {
    const CodePoint next = code_point_at(text, at);
    if (!is_white_space(next.value)) break;
    at += next.size;
  }
  return at;
}

size_t skip_space_back(std::string_view text, size_t end, size_t begin) {
  while (end > begin) {
    const CodePoint last = code_point_before(text, end);
    if (!is_white_space(last.value)) break;
    end -= last.size;
  }
  return end;
}

/// Where BREAK stands as a word of its own, from `at` on; npos if nowhere.
size_t find_break(std::string_view text, size_t at) {
  for (; (at = text.find(kBreak, at)) != text.npos; ++at) {
    const size_t end = at + kBreak.size();
    const bool starts = at == 0 || !is_word_character(code_point_before(text, at).value);
    const bool ends = end == text.size() || !is_word_character(code_point_at(text, end).value);
    if (starts && ends) return at;
  }
  return text.npos;
}

void append_text(std::string_view text, std::vector<PromptPart>& parts) {
  size_t begin = 0;
  for (size_t at = 0; (at = find_break(text, at)) != text.npos;) {
    parts.push_back({std::string(text.substr(begin, skip_space_back(text, at, begin) - begin))});
    parts.push_back({.text = std::string(kBreak), .is_break = true});
    at = begin = skip_space(text, at + kBreak.size());
  }
  parts.push_back({std::string(text.substr(begin))});
}

/// `: 1.2 )`, from the colon to the bracket.
struct ClosingWeight {
  double weight;
  size_t size;  // bytes
};

std::optional<ClosingWeight> closing_weight(std::string_view text) {
  const size_t begin = skip_space(text, 1);
  size_t end = begin;
  if (end < text.size() && (text[end] == '+' || text[end] == '-')) ++end;
  while (end < text.size() && (text[end] == '.' || (text[end] >= '0' && text[end] <= '9'))) ++end;
  const size_t bracket = skip_space(text, end);
  if (bracket >= text.size() || text[bracket] != ')') return std::nullopt;
  const char* first = text.data() + begin + (text[begin] == '+' ? 1 : 0);
  double weight = 0;
  const auto [last, error] = std::from_chars(first, text.data() + end, weight, std::chars_format::fixed);
  if (error != std::errc() || last != text.data() + end) return std::nullopt;
  return ClosingWeight{weight, bracket + 1};
}

class EmphasisParser {
 public:
  explicit EmphasisParser(std::string_view text) : text_(text) {}

  std::vector<PromptPart> parse() {
    while (!text_.empty()) take_next();
    for (const size_t begin : round_) multiply(begin, kRound);
    for (const size_t begin : square_) multiply(begin, kSquare);
    if (parts_.empty()) parts_.emplace_back();
    return merged();
  }

 private:
  static constexpr double kRound = 1.1, kSquare = 1 / 1.1;
  static constexpr std::string_view kSpecial = "\\()[]:";

  void take_next() {
    switch (text_.front()) {
      case '\\': return take_escape();
      case '(': round_.push_back(parts_.size()); return text_.remove_prefix(1);
      case '[': square_.push_back(parts_.size()); return text_.remove_prefix(1);
      case ')': return close(round_, kRound);
      case ']': return close(square_, kSquare);
      case ':': return take_colon();
      default: return take_text(std::min(text_.find_first_of(kSpecial), text_.size()));
    }
  }

  void take_text(size_t size) {
    append_text(text_.substr(0, size), parts_);
    text_.remove_prefix(size);
  }

  void take_escape() {
    const bool escapes = text_.size() > 1 && kSpecial.find(text_[1]) < kSpecial.size() - 1;  // not the colon
    parts_.push_back({std::string(text_.substr(1, escapes ? 1 : 0))});
    text_.remove_prefix(escapes ? 2 : 1);
  }

  void take_colon() {
    const std::optional<ClosingWeight> closing = closing_weight(text_);
    if (!closing || round_.empty()) return take_text(1);
    multiply(round_.back(), closing->weight);
    round_.pop_back();
    text_.remove_prefix(closing->size);
  }

  void close(std::vector<size_t>& open, double factor) {
    if (open.empty()) return take_text(1);
    multiply(open.back(), factor);
    open.pop_back();
    text_.remove_prefix(1);
  }

  void multiply(size_t begin, double factor) {
    for (size_t i = begin; i < parts_.size(); ++i) {
      if (!parts_[i].is_break) parts_[i].weight *= factor;
    }
  }

  std::vector<PromptPart> merged() {
    std::vector<PromptPart> out;
    for (PromptPart& part : parts_) {
      const bool joins = !out.empty() && !part.is_break && !out.back().is_break && out.back().weight == part.weight;
      if (joins) {
        out.back().text += part.text;
      } else {
        out.push_back(std::move(part));
      }
    }
    return out;
  }

  std::string_view text_;
  std::vector<PromptPart> parts_;
  std::vector<size_t> round_, square_;  // the first part inside each open bracket
};

}  // namespace

std::vector<PromptPart> parse_prompt(std::string_view prompt) { return EmphasisParser(prompt).parse(); }

std::vector<PromptPart> split_at_breaks(std::string_view prompt) {
  std::vector<PromptPart> parts;
  append_text(prompt, parts);
  return parts;
}

}  // namespace atelier

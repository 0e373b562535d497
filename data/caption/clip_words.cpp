#include "data/caption/clip_words.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

namespace atelier {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

enum class Kind { kSpace, kLetter, kNumber, kOther };

Kind kind_of(char32_t c) {
  if (c < 0x80) {
    if (c >= 'a' && c <= 'z') return Kind::kLetter;
    if (c >= '0' && c <= '9') return Kind::kNumber;
    return is_white_space(c) ? Kind::kSpace : Kind::kOther;
  }
  if (is_white_space(c)) return Kind::kSpace;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return Kind::kLetter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return Kind::kNumber;
    default: return Kind::kOther;
  }
}

void append_lower(std::u32string& out, char32_t c) {
  constexpr char32_t kDottedCapitalI = 0x130, kCombiningDot = 0x307;
  if (c < 0x80) {
    out += c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
  } else if (c == kDottedCapitalI) {  // the one character whose lower case is two, whatever stands around it
    out += U'i';
    out += kCombiningDot;
  } else {
    out += static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
  }
}

std::u32string decode_utf8(std::string_view bytes) {
  std::u32string out;
  out.reserve(bytes.size());
  const auto* data = reinterpret_cast<const utf8proc_uint8_t*>(bytes.data());
  for (size_t at = 0; at < bytes.size();) {
    utf8proc_int32_t c = 0;
    const utf8proc_ssize_t used = utf8proc_iterate(data + at, static_cast<utf8proc_ssize_t>(bytes.size() - at), &c);
    out += used > 0 ? static_cast<char32_t>(c) : kReplacement;
    at += used > 0 ? static_cast<size_t>(used) : 1;
  }
  return out;
}

std::string encode_utf8(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t c : text) {
    std::array<utf8proc_uint8_t, 4> bytes;
    const utf8proc_ssize_t count = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes.data());
    out.append(reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(count));
  }
  return out;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// NFC, then lower case.
std::u32string normalise(std::string_view text) {
  std::u32string composed = decode_utf8(text);
  if (!is_ascii(text)) {
    const std::string valid = encode_utf8(composed);
    utf8proc_uint8_t* result = nullptr;
    const utf8proc_ssize_t count = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(valid.data()),
                                                static_cast<utf8proc_ssize_t>(valid.size()), &result,
                                                static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    if (count < 0) throw std::bad_alloc();  // the text is valid, so nothing else can fail
    const std::unique_ptr<utf8proc_uint8_t, decltype([](utf8proc_uint8_t* p) { std::free(p); })> owner(result);
    composed = decode_utf8({reinterpret_cast<const char*>(result), static_cast<size_t>(count)});
  }
  std::u32string lower;
  lower.reserve(composed.size());
  for (const char32_t c : composed) append_lower(lower, c);
  return lower;
}

constexpr std::array<std::u32string_view, 7> kContractions = {U"'s", U"'t", U"'re", U"'ve", U"'m", U"'ll", U"'d"};
constexpr std::array<std::u32string_view, 2> kMarks = {U"<|startoftext|>", U"<|endoftext|>"};

/// Walks the pattern's matches from left to right.
class Scanner {
 public:
  explicit Scanner(std::u32string text) : text_(std::move(text)) {}

  std::vector<std::string> words() {
    while (at_ < text_.size()) {
      if (kind_of(text_[at_]) == Kind::kSpace) {
        ++at_;
      } else if (!take_mark() && !take_contraction()) {
        take_run();
      }
    }
    return std::move(words_);
  }

 private:
  bool starts_with(std::u32string_view what) const { return text_.compare(at_, what.size(), what) == 0; }

  void take(size_t count) {
    words_.push_back(encode_utf8(std::u32string_view(text_).substr(at_, count)));
    at_ += count;
  }

  bool take_mark() {
    if (text_[at_] != U'<') return false;
    for (const std::u32string_view mark : kMarks) {
      if (!starts_with(mark)) continue;
      constexpr size_t kBracket = 2;  // GPT-2's pattern cuts the mark into "<|", its name, "|>"
      take(kBracket);
      take(mark.size() - 2 * kBracket);
      take(kBracket);
      return true;
    }
    return false;
  }

  bool take_contraction() {
    if (text_[at_] != U'\'') return false;
    for (const std::u32string_view contraction : kContractions) {
      if (!starts_with(contraction)) continue;
      take(contraction.size());
      return true;
    }
    return false;
  }

  /// Letters or other characters as many as there are, a number's digits one by one.
  void take_run() {
    const Kind kind = kind_of(text_[at_]);
    size_t count = 1;
    if (kind != Kind::kNumber) {
      while (at_ + count < text_.size() && kind_of(text_[at_ + count]) == kind) ++count;
    }
    take(count);
  }

  std::u32string text_;
  size_t at_ = 0;
  std::vector<std::string> words_;
};

}  // namespace

bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::vector<std::string> clip_words(std::string_view text) { return Scanner(normalise(text)).words(); }

}  // namespace atelier

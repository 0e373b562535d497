// Small text helpers used everywhere: concatenation, splitting, UTF-8 checks, nearest word, human numbers.
#pragma once

#include <cstdint>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace atelier {

/// The parts written one after another: text("step ", 7, " of ", n).
template <typename... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

/// Pieces between separators; empty pieces are kept. split("a,,b", ',') is {"a", "", "b"}.
std::vector<std::string_view> split(std::string_view text, char separator);

/// Pieces between runs of white space; never empty.
std::vector<std::string_view> split_words(std::string_view text);

/// Without ASCII white space at both ends.
std::string_view trim(std::string_view text);

std::string join(std::span<const std::string> parts, std::string_view separator);

std::string lower_ascii(std::string_view text);

/// True if `bytes` is well-formed UTF-8 without NUL.
bool is_valid_utf8(std::string_view bytes);

/// The candidate with the least edit distance to `word`, or empty if none is near enough to be a likely slip.
std::string nearest_word(std::string_view word, std::span<const std::string> candidates);

/// 1234567 -> "1,234,567".
std::string grouped(int64_t number);

/// Bytes as "1.5 GiB".
std::string human_bytes(double bytes);

/// Seconds as "3 s", "2 min 05 s", "1 h 02 min".
std::string human_seconds(double seconds);

/// Shortest decimal form that reads back to the same double.
std::string shortest(double value);

}  // namespace atelier

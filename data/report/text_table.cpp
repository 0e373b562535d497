#include "data/report/text_table.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace atelier {
namespace {

constexpr size_t kGap = 2, kCutMark = 2;

/// The first `width` characters, the last two as ".." if some are cut off.
std::string cut(const std::string& text, size_t width) {
  if (text_width(text) <= width) return text;
  std::string kept;
  size_t characters = 0;
  for (const char c : text) {
    const bool begins = (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    if (begins && ++characters + 2 > width) break;
    kept.push_back(c);
  }
  return kept + "..";
}

}  // namespace

std::string TextTable::str() const {
  std::vector<size_t> widths(rows_[0].size(), 0);
  for (const auto& row : rows_) {
    for (size_t column = 0; column < row.size(); ++column)
      widths[column] = std::max(widths[column], text_width(row[column]));
  }
  size_t others = 0;
  for (size_t column = 1; column < widths.size(); ++column) others += widths[column] + kGap;
  widths[0] = std::min(widths[0], kWidth > others + kCutMark ? kWidth - others : kCutMark);

  std::string out;
  for (size_t r = 0; r < rows_.size(); ++r) {
    std::string line = cut(rows_[r][0], widths[0]);
    line.append(widths[0] - text_width(line), ' ');
    for (size_t column = 1; column < widths.size(); ++column) {
      line.append(kGap + widths[column] - text_width(rows_[r][column]), ' ');
      line += rows_[r][column];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
    if (r == 0) out += std::string(widths[0] + others, '-') + "\n";
  }
  return out;
}

size_t text_width(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string percent(double share) { return fixed_decimals(100 * share, 1) + " %"; }

std::string fixed_decimals(double value, int digits) {
  std::array<char, 64> buffer;
  std::snprintf(buffer.data(), buffer.size(), "%.*f", digits, value);
  return buffer.data();
}

}  // namespace atelier

// Tables of text for a terminal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace atelier {

/// The first column is aligned left and cut to what is left of the width, the others are aligned right.
class TextTable {
 public:
  static constexpr size_t kWidth = 80;

  explicit TextTable(std::vector<std::string> header) : rows_{std::move(header)} {}
  /// As many cells as the header has.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.size() == 1; }
  /// Lines of at most kWidth characters, a rule below the header.
  std::string str() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// Characters (code points) of UTF-8 text.
size_t text_width(std::string_view text);

/// "12.3 %".
std::string percent(double share);

/// With `digits` digits after the point.
std::string fixed_decimals(double value, int digits);

}  // namespace atelier

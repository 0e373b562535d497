// Records of a CSV text, one after another.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace atelier {

class CsvRows {
 public:
  CsvRows(std::string_view text, char separator) : rest_(text), separator_(separator) {}

  /// False at the end. Afterwards fields() are the record's, valid until the next call; empty lines are left out.
  bool next();
  const std::vector<std::string_view>& fields() const { return fields_; }
  /// True if the record's last field ended with the text, before its closing quote.
  bool unclosed() const { return unclosed_; }
  /// Line ends before the record, and up to its end.
  int64_t lines_before() const { return lines_before_; }
  int64_t lines() const { return lines_; }

 private:
  std::string_view take_field();
  std::string_view take_quoted();
  bool at_line_end() const;

  std::string_view rest_;
  char separator_;
  std::vector<std::string_view> fields_;
  std::deque<std::string> unquoted_;  // fields that had doubled quotes
  bool unclosed_ = false;
  int64_t lines_before_ = 0, lines_ = 0;
};

}  // namespace atelier

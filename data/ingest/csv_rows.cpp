#include "data/ingest/csv_rows.h"

#include <algorithm>

namespace atelier {

bool CsvRows::at_line_end() const { return rest_.empty() || rest_[0] == '\n' || rest_.starts_with("\r\n"); }

bool CsvRows::next() {
  fields_.clear();
  unquoted_.clear();
  unclosed_ = false;
  while (!rest_.empty() && at_line_end()) {
    rest_.remove_prefix(rest_[0] == '\n' ? 1 : 2);
    ++lines_;
  }
  if (rest_.empty()) return false;
  lines_before_ = lines_;
  while (true) {
    fields_.push_back(take_field());
    if (at_line_end()) break;
    rest_.remove_prefix(1);  // the separator
  }
  if (!rest_.empty()) rest_.remove_prefix(rest_[0] == '\n' ? 1 : 2);
  ++lines_;
  return true;
}

std::string_view CsvRows::take_field() {
  if (rest_.starts_with('"')) return take_quoted();
  const char ends[] = {separator_, '\n'};
  const size_t end = std::min(rest_.find_first_of(std::string_view(ends, 2)), rest_.size());
  std::string_view field = rest_.substr(0, end);
  const bool line_ends = end == rest_.size() || rest_[end] == '\n';
  if (line_ends && field.ends_with('\r')) field.remove_suffix(1);
  rest_.remove_prefix(field.size());
  return field;
}

/// Up to the quote that no other follows; what stands between it and the separator belongs to the field, too.
std::string_view CsvRows::take_quoted() {
  rest_.remove_prefix(1);
  std::string* joined = nullptr;
  while (true) {
    const size_t quote = std::min(rest_.find('"'), rest_.size());
    const std::string_view piece = rest_.substr(0, quote);
    lines_ += std::ranges::count(piece, '\n');
    const bool doubled = quote + 1 < rest_.size() && rest_[quote + 1] == '"';
    unclosed_ |= quote == rest_.size();
    rest_.remove_prefix(std::min(quote + (doubled ? 2 : 1), rest_.size()));
    if (!doubled && !joined && (at_line_end() || rest_[0] == separator_)) return piece;
    if (!joined) joined = &unquoted_.emplace_back();
    *joined += piece;
    if (doubled) {
      *joined += '"';
      continue;
    }
    if (!at_line_end() && rest_[0] != separator_) *joined += take_field();
    return *joined;
  }
}

}  // namespace atelier

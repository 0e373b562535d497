#include "data/ingest/text_parts.h"

#include <algorithm>

#include "configs/base/error.h"
#include "configs/base/interrupt.h"
#include "configs/base/thread_pool.h"
#include "data/files/files.h"

namespace atelier {
namespace {

constexpr int64_t kPartBytes = 4 << 20;
constexpr int64_t kReadBytes = 8 << 20;
constexpr int64_t kLineReserve = 64 << 10;  // read behind a part for the rest of its last line
constexpr int64_t kHeaderBytes = 8 << 10;   // that hold the names of nearly all tables
constexpr int64_t kUnitBytes = 1024;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// Follows the quotes of a CSV file from chunk to chunk.
class QuoteScan {
 public:
  explicit QuoteScan(char separator) : separator_(separator) {}

  /// The first line end outside quotes in `chunk` (whose first byte is number `at` of the file) at or after `wanted`;
  /// -1 if there is none. `from`: where in the chunk to go on.
  int64_t next_record_end(std::string_view chunk, int64_t at, int64_t wanted, size_t& from) {
    while (from < chunk.size()) {
      const size_t quote = std::min(chunk.find('"', from), chunk.size());
      if (!inside_) {
        const auto earliest = static_cast<size_t>(std::max<int64_t>(wanted - at, static_cast<int64_t>(from)));
        const size_t line_end = earliest < quote ? chunk.find('\n', earliest) : std::string_view::npos;
        if (line_end < quote) {
          from = line_end + 1;
          before_ = '\n';
          return at + static_cast<int64_t>(line_end);
        }
      }
      if (quote == chunk.size()) break;
      toggle(quote > from || quote > 0 ? previous(chunk, quote) : before_, at + static_cast<int64_t>(quote));
      from = quote + 1;
    }
    if (!chunk.empty()) before_ = chunk.back();
    from = chunk.size();
    return -1;
  }

 private:
  char previous(std::string_view chunk, size_t quote) const { return quote > 0 ? chunk[quote - 1] : before_; }

  /// A quote opens a field only at its beginning; two within a field are one of its characters.
  void toggle(char before, int64_t position) {
    if (inside_) {
      inside_ = false;
      closed_at_ = position;
    } else {
      inside_ = before == separator_ || before == '\n' || before == '\r' || closed_at_ == position - 1;
    }
  }

  char separator_;
  bool inside_ = false;
  char before_ = '\n';
  int64_t closed_at_ = -2;
};

}  // namespace

TextParts::TextParts(const std::string& pattern, Records records, char separator)
    : records_(records), separator_(separator) {
  const std::string from = absolute_path(pattern);
  for (std::string& path : expand_pattern(from)) {
    std::string name = name_below(pattern_folder(from), path);
    files_.push_back({std::move(path), std::move(name), nullptr, {}});
  }
  parallel_for(static_cast<int64_t>(files_.size()), 0, [&](int64_t i) {
    File& file = files_[static_cast<size_t>(i)];
    try {
      file.bytes = open_text_file(file.path);
    } catch (const Error& error) {
      if (files_.size() == 1) throw;
      file.error = error.summary();
    }
  });
  for (uint32_t file = 0; file < files_.size(); ++file) {
    if (!files_[file].bytes)
      parts_.push_back({file, 0, 0});
    else if (records == Records::kLines)
      add_line_parts(file);
    else
      add_csv_parts(file);
  }
}

void TextParts::add_line_parts(uint32_t file) {
  const int64_t size = files_[file].bytes->size();
  for (int64_t begin = 0; begin < size; begin += kPartBytes) {
    parts_.push_back({file, begin, std::min(begin + kPartBytes, size)});
  }
}

void TextParts::add_csv_parts(uint32_t file) {
  const FileBytes& bytes = *files_[file].bytes;
  QuoteScan scan(separator_);
  std::string buffer;
  int64_t part_begin = 0;
  for (int64_t at = 0; at < bytes.size(); at += kReadBytes) {
    check_interrupted();
    const std::string_view chunk = bytes.read(at, kReadBytes, buffer);
    for (size_t from = 0; from < chunk.size();) {
      const int64_t line_end = scan.next_record_end(chunk, at, part_begin + kPartBytes, from);
      if (line_end < 0) break;
      parts_.push_back({file, part_begin, line_end + 1});
      part_begin = line_end + 1;
    }
    bytes.done_with(chunk);
  }
  if (part_begin < bytes.size()) parts_.push_back({file, part_begin, bytes.size()});
}

std::vector<std::string> TextParts::paths() const {
  std::vector<std::string> paths;
  for (const File& file : files_) paths.push_back(file.path);
  return paths;
}

int64_t TextParts::size_kib(int64_t part) const {
  const Part& at = parts_[static_cast<size_t>(part)];
  return (at.end - at.begin + kUnitBytes - 1) / kUnitBytes;
}

std::string_view TextParts::read(int64_t part, std::string& buffer, PostBatch& batch) const {
  const Part& at = parts_[static_cast<size_t>(part)];
  const File& file = file_of(part);
  if (files_.size() > 1) batch.file = file.name;
  if (!file.bytes) {
    batch.bad.push_back({"", 0, "file_unreadable", file.error, file.name});
    return {};
  }
  const int64_t size = file.bytes->size();
  if (at.end == size && !file.bytes->damage().empty()) {
    batch.bad.push_back({"", 0, "file_damaged", std::string(file.bytes->damage()), file.name});
  }
  std::string_view text;
  if (records_ == Records::kCsv) {
    text = file.bytes->read(at.begin, at.end - at.begin, buffer);
  } else {
    // From the line that begins at or behind `begin` to the end of the one that begins before `end`.
    const int64_t from = std::max<int64_t>(at.begin - 1, 0);
    size_t skip = 0, end = std::string_view::npos;
    for (int64_t reserve = kLineReserve; end == std::string_view::npos; reserve *= 4) {
      text = file.bytes->read(from, at.end - from + reserve, buffer);
      skip = at.begin == 0 ? 0 : std::min(text.find('\n'), text.size() - 1) + 1;
      if (skip > static_cast<size_t>(at.end - from)) return {};  // a longer line: none begins here
      end = text.find('\n', static_cast<size_t>(at.end - 1 - from));
      if (from + static_cast<int64_t>(text.size()) >= size) end = std::min(end, text.size() - 1);
    }
    text = text.substr(std::min(skip, end + 1), end + 1 - std::min(skip, end + 1));
  }
  if (at.begin == 0 && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return text;
}

void TextParts::done_with(int64_t part, std::string_view text) const {
  if (const File& file = file_of(part); file.bytes) file.bytes->done_with(text);
}

std::string TextParts::first_record(int64_t part) const {
  const File& file = file_of(part);
  if (!file.bytes) return {};
  std::string buffer;
  std::string_view begin;
  int64_t end = -1;
  for (int64_t size = kHeaderBytes; end < 0 && size <= kPartBytes; size *= 8) {
    begin = file.bytes->read(0, size, buffer);
    QuoteScan scan(separator_);
    size_t from = 0;
    end = scan.next_record_end(begin, 0, 0, from);
  }
  if (end >= 0) begin = begin.substr(0, static_cast<size_t>(end) + 1);
  if (begin.starts_with(kByteOrderMark)) begin.remove_prefix(kByteOrderMark.size());
  return std::string(begin);
}

}  // namespace atelier

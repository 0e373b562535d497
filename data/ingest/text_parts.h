// Text files cut into parts of whole records, to be read by several threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/files/file_bytes.h"
#include "data/ingest/source_reader.h"

namespace atelier {

class TextParts {
 public:
  enum class Records {
    kLines,  // every line is one
    kCsv,    // line ends within quotes belong to their record
  };

  /// The files that `pattern` means, .gz ones unpacked. ConfigError if there is none or the only one cannot be opened;
  /// of several, those that cannot are reported by the part that stands for them.
  TextParts(const std::string& pattern, Records records, char separator = ',');

  int64_t count() const { return static_cast<int64_t>(parts_.size()); }
  int64_t size_kib(int64_t part) const;
  std::vector<std::string> paths() const;
  const std::string& path(int64_t part) const { return file_of(part).path; }
  bool is_first_of_file(int64_t part) const { return parts_[static_cast<size_t>(part)].begin == 0; }

  /// The records of a part; the view is of the file or of `buffer`. Notes in `batch` which file it is, and what of the
  /// file cannot be read.
  std::string_view read(int64_t part, std::string& buffer, PostBatch& batch) const;
  /// The part's text is no longer needed.
  void done_with(int64_t part, std::string_view text) const;
  /// The first record of the part's file, with its line end.
  std::string first_record(int64_t part) const;

 private:
  struct File {
    std::string path;
    std::string name;                  // below the folder that all have in common
    std::unique_ptr<FileBytes> bytes;  // null: cannot be opened
    std::string error;
  };
  struct Part {
    uint32_t file;
    int64_t begin, end;  // for lines: those that begin in between
  };
  const File& file_of(int64_t part) const { return files_[parts_[static_cast<size_t>(part)].file]; }
  void add_line_parts(uint32_t file);
  void add_csv_parts(uint32_t file);

  Records records_;
  char separator_;
  std::vector<File> files_;
  std::vector<Part> parts_;
};

}  // namespace atelier

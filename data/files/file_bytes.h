// A file to be read at any place: mapped, fetched from s3:// in ranges, or unpacked from .gz.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace atelier {

class FileBytes {
 public:
  virtual ~FileBytes() = default;
  virtual int64_t size() const = 0;
  /// `size` bytes from `offset`, fewer only at the file's end. What is returned views the file or `buffer`.
  /// Thread-safe. DataError if they cannot be read.
  virtual std::string_view read(int64_t offset, int64_t size, std::string& buffer) const = 0;
  /// `bytes` (what read() returned) is no longer needed.
  virtual void done_with(std::string_view /*bytes*/) const {}
  /// Why the file ends before it should; empty if it does not.
  virtual std::string_view damage() const { return {}; }
};

/// ConfigError if it cannot be opened.
std::unique_ptr<FileBytes> open_file(const std::string& path);

/// The same; what ends in .gz is unpacked while it is read. Opening unpacks it once, to know its length and to note
/// places every few MiB from which reading can start.
std::unique_ptr<FileBytes> open_text_file(const std::string& path);

/// All of a small file. DataError if it cannot be read, or is larger than `max_bytes`.
std::string read_small_file(const std::string& path, int64_t max_bytes);

}  // namespace atelier

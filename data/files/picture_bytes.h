// The bytes of one picture, wherever they lie: a file, a member of a tar, an object of s3://.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace atelier {

/// Owns what it holds; moved, never copied.
class PictureBytes {
 public:
  PictureBytes() = default;
  /// `size` bytes that are still to be written.
  explicit PictureBytes(size_t size) : data_(std::make_unique_for_overwrite<std::byte[]>(size)), size_(size) {}

  std::span<const std::byte> bytes() const { return {data_.get(), size_}; }
  std::span<std::byte> writable() { return {data_.get(), size_}; }

 private:
  std::unique_ptr<std::byte[]> data_;
  size_t size_ = 0;
};

/// `size` bytes from `offset` on of the file `path` (local, or s3://...), as PictureFile and the manifest say: read in
/// one go, into memory of its own, so that a file that shrinks meanwhile is an error and not a crash. `size` 0: up to
/// the file's end. Thread-safe. Errors: DataError with the path if it cannot be opened or read, or ends before.
PictureBytes picture_bytes(const std::string& path, int64_t offset = 0, int64_t size = 0);

}  // namespace atelier

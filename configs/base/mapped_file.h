// A read-only memory-mapped file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace atelier {

class MappedFile {
 public:
  /// WeightsError-neutral: throws ConfigError with the path when it cannot be opened.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  /// Tells the kernel that the pages of `part` are no longer needed (after a copy), to keep the resident size low.
  void drop_pages(std::span<const std::byte> part) const;

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace atelier

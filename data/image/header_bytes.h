// Bounds-checked reading of numbers and chunks in picture headers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "configs/base/error.h"

namespace atelier {

/// A view of a file's bytes. Reading past the end throws DataError.
class HeaderBytes {
 public:
  explicit HeaderBytes(std::span<const std::byte> bytes) : bytes_(bytes) {}

  size_t size() const { return bytes_.size(); }
  bool has(size_t offset, size_t count) const { return offset <= bytes_.size() && count <= bytes_.size() - offset; }

  uint8_t u8(size_t offset) const {
    require(offset, 1);
    return static_cast<uint8_t>(bytes_[offset]);
  }
  /// `count` bytes as one number, lowest first.
  uint32_t little(size_t offset, size_t count) const {
    uint32_t value = 0;
    for (size_t i = count; i-- > 0;) value = value << 8 | u8(offset + i);
    return value;
  }
  /// `count` bytes as one number, highest first.
  uint32_t big(size_t offset, size_t count) const {
    uint32_t value = 0;
    for (size_t i = 0; i < count; ++i) value = value << 8 | u8(offset + i);
    return value;
  }
  /// False also where the file ends before.
  bool matches(size_t offset, std::string_view text) const {
    return has(offset, text.size()) && std::memcmp(bytes_.data() + offset, text.data(), text.size()) == 0;
  }
  /// At most `count` bytes from `offset`.
  std::span<const std::byte> part(size_t offset, size_t count) const {
    if (offset >= bytes_.size()) return {};
    return bytes_.subspan(offset, std::min(count, bytes_.size() - offset));
  }

 private:
  void require(size_t offset, size_t count) const {
    if (!has(offset, count)) throw DataError("picture header cut short");
  }

  std::span<const std::byte> bytes_;
};

}  // namespace atelier

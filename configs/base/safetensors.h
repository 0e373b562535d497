// The safetensors container: header and bytes, no torch. Reading maps the file and validates everything before any byte
// is used; writing streams tensor by tensor into an atomic file.
// Format: u64 little-endian header length, JSON header, tensor bytes (huggingface/safetensors README).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "configs/base/mapped_file.h"

namespace atelier {

enum class SafeDtype { kF64, kF32, kF16, kBF16, kF8E4M3, kF8E5M2, kI64, kI32, kI16, kI8, kU8, kBool };

/// "F32" and so on, as in the file.
std::string_view safe_dtype_name(SafeDtype dtype);
size_t safe_dtype_size(SafeDtype dtype);

struct SafeTensorInfo {
  std::string name;
  SafeDtype dtype;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  // byte range in the data section

  uint64_t byte_count() const { return end - begin; }
  int64_t element_count() const;
};

/// A validated, memory-mapped file. WeightsError names file and tensor for: a file cut short, a header over 100 MB or
/// no JSON, offsets outside the file, overlaps, gaps, a dtype not in SafeDtype, a shape whose product overflows or does
/// not match.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  /// In the order of the data section.
  const std::vector<SafeTensorInfo>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// nullptr if absent.
  const SafeTensorInfo* find(std::string_view name) const;
  /// The bytes of one tensor, valid while this object lives.
  std::span<const std::byte> bytes(const SafeTensorInfo& tensor) const;
  void drop_pages(const SafeTensorInfo& tensor) const;
  /// Everything after the header (for hashes).
  std::span<const std::byte> data() const;

 private:
  std::filesystem::path path_;
  MappedFile file_;
  uint64_t data_begin_ = 0;
  std::vector<SafeTensorInfo> tensors_;
  std::map<std::string, size_t, std::less<>> by_name_;
  std::map<std::string, std::string> metadata_;
};

/// Writes a file tensor by tensor in the declared order, so no more than one tensor need be in memory.
class SafetensorsWriter {
 public:
  /// Offsets of `tensors` are filled in by the writer; dtype and shape count. The final name appears at finish().
  SafetensorsWriter(std::filesystem::path path, std::vector<SafeTensorInfo> tensors,
                    std::map<std::string, std::string> metadata = {});
  ~SafetensorsWriter();

  /// The next bytes of the next tensor that wants some: all of them or a piece, never beyond its end.
  void write(std::span<const std::byte> bytes);
  /// All tensors must have been written.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace atelier

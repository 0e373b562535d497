// One file of cached records of one shape (docs/formats/cache.md): a safetensors file that appears whole or not at all
// and is never changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "configs/base/safetensors.h"
#include "trainer/cache/cache_key.h"

namespace atelier {

/// Cells first .. last (inclusive) of the 65536 that the first 16 bits of a sample's key divide all samples into.
struct CellRange {
  static constexpr int64_t kCells = 65536;
  static int64_t cell_of(const CacheKey& sample) { return static_cast<int64_t>(sample.high >> 48); }

  int64_t first = 0, last = kCells - 1;

  bool contains(const CacheKey& sample) const { return first <= cell_of(sample) && cell_of(sample) <= last; }
  bool contains(const CellRange& other) const { return first <= other.first && other.last <= last; }
  bool overlaps(const CellRange& other) const { return first <= other.last && other.first <= last; }
};

/// A sample and the record that it is; several samples may share one.
struct CachedSample {
  CacheKey sample, record;
};

/// What a shard will hold.
struct ShardContent {
  std::vector<CachedSample> samples;
  std::vector<CacheKey> keys;       // of the records
  std::vector<uint64_t> checksums;  // XXH3-64 of each record's bytes
  std::vector<std::byte> records;   // one after another, all equally long

  void add(const CacheKey& key, std::span<const std::byte> record);
};

/// Writes `content`, of records of `shape`. ConfigError, MachineError.
void write_shard(const std::filesystem::path& file, const ShardContent& content, SafeDtype dtype,
                 std::span<const int64_t> shape);

/// "0000-00ff-0123456789abcdef.safetensors": the cells, then a hash of what is in it. Equal content, equal name.
std::string shard_name(const CellRange& cells, const ShardContent& content);
/// The cells in such a name; nullopt: it is none, nor that of an unfinished shard.
std::optional<CellRange> cells_of_name(std::string_view name);

uint64_t record_checksum(std::span<const std::byte> record);

/// A shard, mapped. Everything is a view into the file.
class RecordShard {
 public:
  /// DataError if it is no shard.
  explicit RecordShard(const std::filesystem::path& file);

  const std::filesystem::path& path() const { return file_.path(); }
  SafeDtype dtype() const { return dtype_; }
  std::span<const CachedSample> samples() const { return samples_; }
  int64_t size() const { return std::ssize(keys_); }
  std::span<const CacheKey> keys() const { return keys_; }
  std::span<const uint64_t> checksums() const { return checksums_; }
  /// REQUIRES 0 <= row < size().
  std::span<const std::byte> record(int64_t row) const { return records_.subspan(row * record_bytes_, record_bytes_); }
  bool is_sound(int64_t row) const { return record_checksum(record(row)) == checksums_[row]; }
  /// {} without records.
  std::vector<int64_t> record_shape() const { return shape_; }

 private:
  SafetensorsFile file_;
  std::span<const CachedSample> samples_;
  std::span<const CacheKey> keys_;
  std::span<const uint64_t> checksums_;
  std::span<const std::byte> records_;
  std::vector<int64_t> shape_;
  size_t record_bytes_ = 0;
  SafeDtype dtype_ = SafeDtype::kF16;
};

}  // namespace atelier

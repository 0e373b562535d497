#include "trainer/cache/record_shard.h"

#include <charconv>
#include <cstdio>

#include "configs/base/error.h"
#include "configs/base/hash.h"

namespace atelier {
namespace {

static_assert(sizeof(CacheKey) == 16 && sizeof(CachedSample) == 32);

template <typename T>
std::span<const T> shard_column(const SafetensorsFile& file, const char* name) {
  const SafeTensorInfo* tensor = file.find(name);
  if (!tensor || tensor->dtype != SafeDtype::kI64 || tensor->byte_count() % sizeof(T) != 0) {
    throw DataError("this is no file of a cache", file.path().string(), "remove it; what it held is made again");
  }
  const std::span<const std::byte> bytes = file.bytes(*tensor);
  return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
}

/// A file that is cut short or overwritten is the data's fault, not that of weights.
SafetensorsFile open_shard(const std::filesystem::path& file) {
  try {
    return SafetensorsFile(file);
  } catch (const WeightsError& error) {
    throw DataError(error.summary(), error.where(), "remove it; what it held is made again");
  }
}

}  // namespace

std::string shard_name(const CellRange& cells, const ShardContent& content) {
  ContentHasher hasher;
  hasher.update(std::as_bytes(std::span(content.samples)));
  hasher.update(std::as_bytes(std::span(content.keys)));
  char prefix[16];
  std::snprintf(prefix, sizeof prefix, "%04x-%04x-", static_cast<unsigned>(cells.first),
                static_cast<unsigned>(cells.last));
  return prefix + hasher.hex().substr(0, 16) + ".safetensors";
}

std::optional<CellRange> cells_of_name(std::string_view name) {
  CellRange cells;
  const auto read = [&](size_t begin, int64_t& value) {
    const char* digits = name.data() + begin;
    return std::from_chars(digits, digits + 4, value, 16).ptr == digits + 4;
  };
  if (name.size() < 10 || name[4] != '-' || name[9] != '-' || !read(0, cells.first) || !read(5, cells.last)) {
    return std::nullopt;
  }
  return cells;
}

uint64_t record_checksum(std::span<const std::byte> record) {
  return hash64(std::string_view(reinterpret_cast<const char*>(record.data()), record.size()));
}

void ShardContent::add(const CacheKey& key, std::span<const std::byte> record) {
  keys.push_back(key);
  checksums.push_back(record_checksum(record));
  records.insert(records.end(), record.begin(), record.end());
}

void write_shard(const std::filesystem::path& file, const ShardContent& content, SafeDtype dtype,
                 std::span<const int64_t> shape) {
  const int64_t samples = std::ssize(content.samples), records = std::ssize(content.keys);
  std::vector<int64_t> all{records};
  all.insert(all.end(), shape.begin(), shape.end());
  SafetensorsWriter writer(file, {{"samples", SafeDtype::kI64, {samples, 4}},
                                  {"keys", SafeDtype::kI64, {records, 2}},
                                  {"checksums", SafeDtype::kI64, {records}},
                                  {"records", dtype, all}});
  writer.write(std::as_bytes(std::span(content.samples)));
  writer.write(std::as_bytes(std::span(content.keys)));
  writer.write(std::as_bytes(std::span(content.checksums)));
  writer.write(content.records);
  writer.finish();
}

RecordShard::RecordShard(const std::filesystem::path& file)
    : file_(open_shard(file)),
      samples_(shard_column<CachedSample>(file_, "samples")),
      keys_(shard_column<CacheKey>(file_, "keys")),
      checksums_(shard_column<uint64_t>(file_, "checksums")) {
  const SafeTensorInfo* records = file_.find("records");
  if (!records || checksums_.size() != keys_.size() || records->shape.empty() || records->shape[0] != size()) {
    throw DataError("this is no file of a cache", file.string(), "remove it; what it held is made again");
  }
  records_ = file_.bytes(*records);
  dtype_ = records->dtype;
  if (size() > 0) record_bytes_ = records_.size() / keys_.size();
  shape_.assign(records->shape.begin() + 1, records->shape.end());
}

}  // namespace atelier

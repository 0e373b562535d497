// Our side of cache_read.py: a synthetic cache, read in random order; and lookups in an index of many keys.
//
//   cache-read-step make FOLDER RECORDS        records of [8, 128, 128] fp16
//   cache-read-step read FOLDER RECORDS        prints seconds without and with checksums
//   cache-read-step index FOLDER KEYS          prints bytes of the index, seconds to make it, to open it, a lookup; KiB
//                                              of own memory that the lookups took; the share that was found
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "configs/base/random.h"
#include "trainer/cache/record_store.h"

namespace atelier {
namespace {

const std::vector<int64_t> kShape = {8, 128, 128};
constexpr size_t kRecordBytes = size_t{8} * 128 * 128 * 2;
constexpr int64_t kShardRecords = 256;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

CacheKey numbered(int64_t number) {
  return cache_key(std::string_view(reinterpret_cast<const char*>(&number), sizeof number));
}

void make(const std::filesystem::path& folder, int64_t count) {
  std::filesystem::create_directories(folder / "8x128x128");
  std::vector<float> values(kRecordBytes / sizeof(float));
  for (int64_t begin = 0; begin < count; begin += kShardRecords) {
    ShardContent content;
    for (int64_t i = begin; i < std::min(count, begin + kShardRecords); ++i) {
      fill_normal(static_cast<uint64_t>(i), values.data(), std::ssize(values));
      content.add(numbered(i), std::as_bytes(std::span(values)));
      content.samples.push_back({numbered(i), numbered(i)});
    }
    write_shard(folder / "8x128x128" / shard_name(CellRange(), content), content, SafeDtype::kF16, kShape);
  }
}

/// Every record once, copied into one buffer as a batch takes it.
double read_all(const RecordStore& store, int64_t count, bool checked) {
  std::vector<std::byte> buffer(kRecordBytes);
  const KeyedPermutation order(static_cast<uint64_t>(count), 7);
  const Clock::time_point begin = Clock::now();
  for (int64_t i = 0; i < count; ++i) {
    const RecordPlace place = *store.find(numbered(static_cast<int64_t>(order(static_cast<uint64_t>(i)))));
    const std::span<const std::byte> record = checked ? store.checked_record(place) : store.record(place);
    std::memcpy(buffer.data(), record.data(), record.size());
  }
  return seconds_since(begin);
}

void read(const std::filesystem::path& folder, int64_t count) {
  const RecordStore store(folder, SafeDtype::kF16);
  const double plain = read_all(store, count, false), checked = read_all(store, count, true);
  std::printf("%.6f %.6f\n", plain, checked);
}

/// Of this process, without what it shares with files.
long private_kib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word == "RssAnon:") {
      long kib = 0;
      status >> kib;
      return kib;
    }
  }
  return 0;
}

/// An index of `count` samples with a record each.
void index(const std::filesystem::path& folder, int64_t count) {
  std::filesystem::create_directories(folder / "1");
  const int64_t step = std::max<int64_t>(1, count / 16);
  for (int64_t begin = 0; begin < count; begin += step) {
    ShardContent content;
    const std::byte record[2] = {};
    for (int64_t i = begin; i < std::min(count, begin + step); ++i) {
      content.add(numbered(i), record);
      content.samples.push_back({numbered(i), numbered(i)});
    }
    const std::vector<int64_t> shape = {1};
    write_shard(folder / "1" / shard_name(CellRange(), content), content, SafeDtype::kF16, shape);
  }
  Clock::time_point begin = Clock::now();
  { const RecordStore made(folder, SafeDtype::kF16); }
  const double made_seconds = seconds_since(begin);
  begin = Clock::now();
  const RecordStore store(folder, SafeDtype::kF16);
  const double open_seconds = seconds_since(begin);
  const long before = private_kib();
  constexpr int64_t kLookups = 2'000'000;
  CounterRng rng(3, "lookups", {});
  int64_t found = 0;
  begin = Clock::now();
  for (int64_t i = 0; i < kLookups; ++i) {
    found += store.find(numbered(static_cast<int64_t>(rng.below(static_cast<uint64_t>(2 * count))))).has_value();
  }
  const double seconds = seconds_since(begin) / kLookups;
  std::printf("%ju %.3f %.6f %.3e %ld %.3f\n", std::filesystem::file_size(folder / "index.safetensors"), made_seconds,
              open_seconds, seconds, private_kib() - before, static_cast<double>(found) / kLookups);
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::string_view mode = argv[1];
  const int64_t count = std::stoll(argv[3]);
  if (mode == "make") atelier::make(argv[2], count);
  if (mode == "read") atelier::read(argv[2], count);
  if (mode == "index") atelier::index(argv[2], count);
  return 0;
}

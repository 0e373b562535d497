// The store of cached records: what is found, by whom it is made, and what becomes of damage. Nothing here knows of
// pictures.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "configs/base/error.h"
#include "configs/base/random.h"
#include "configs/base/text.h"
#include "tests/support/temporary_folder.h"
#include "trainer/cache/record_check.h"
#include "trainer/cache/record_fill.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

const std::vector<int64_t> kRecordShape = {2, 3};

/// Few shards: each is synced, which may take long on a busy disk.
constexpr int64_t kUnitSize = 200;

CacheKey numbered_key(int64_t number) { return cache_key(text("sample ", number)); }

/// The record of a number: six floats that say it.
std::vector<float> numbered_record(int64_t number) {
  std::vector<float> record(6);
  for (int i = 0; i < 6; ++i) record[i] = static_cast<float>(10 * number + i);
  return record;
}

std::vector<WantedGroup> numbered_group(int64_t begin, int64_t end) {
  WantedGroup group{kRecordShape, {}};
  for (int64_t i = begin; i < end; ++i) group.wanted.push_back({numbered_key(i), i});
  return {group};
}

/// Makes numbered records, and notes which.
struct NumberMaker {
  std::atomic<int64_t> made = 0;

  MakeRecords function() {
    return [this](const WantedGroup&, std::span<const WantedRecord> wanted, RecordSink& sink) {
      for (const WantedRecord& each : wanted) {
        const std::vector<float> record = numbered_record(each.item);
        sink.add_sample(each.sample, each.sample);
        sink.add_record(each.sample, std::as_bytes(std::span(record)));
        ++made;
      }
    };
  }
};

FillReport fill_numbers(RecordStore& store, int64_t begin, int64_t end, NumberMaker& maker) {
  std::vector<WantedGroup> groups = numbered_group(begin, end);
  return fill_records(store, groups, {"test", "numbers", kUnitSize}, maker.function());
}

void expect_holds(const RecordStore& store, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    const std::optional<RecordPlace> place = store.find(numbered_key(i));
    ASSERT_TRUE(place) << i;
    const std::span<const std::byte> bytes = store.checked_record(*place);
    const std::vector<float> expected = numbered_record(i);
    ASSERT_EQ(bytes.size(), expected.size() * sizeof(float));
    EXPECT_EQ(std::memcmp(bytes.data(), expected.data(), bytes.size()), 0) << i;
  }
}

int64_t samples_in_shards(const fs::path& folder, std::set<CacheKey>& different) {
  int64_t samples = 0;
  for (const std::string& name : list_shards(folder)) {
    const RecordShard shard(folder / name);
    for (const CachedSample& sample : shard.samples()) different.insert(sample.sample), ++samples;
  }
  return samples;
}

TEST(KeyTable, FindsWhatAMapFinds) {
  for (const int64_t count : {0, 1, 7, 8, 9, 1000, 40000}) {
    std::map<CacheKey, RecordPlace> map;
    std::vector<KeyedPlace> entries;
    for (int64_t i = 0; i < count; ++i) {
      const RecordPlace place{static_cast<uint32_t>(i), static_cast<uint32_t>(i % 5)};
      map.emplace(numbered_key(i), place);
    }
    for (const auto& [key, place] : map) entries.push_back({key, place});
    const KeyTableParts parts = make_key_table(entries);
    ASSERT_TRUE(is_key_table(parts.keys, parts.places, parts.starts));
    const KeyTable table(parts.keys, parts.places, parts.starts);
    for (int64_t i = 0; i < 2 * count + 2; ++i) {
      const auto expected = map.find(numbered_key(i));
      const std::optional<RecordPlace> found = table.find(numbered_key(i));
      ASSERT_EQ(found.has_value(), expected != map.end()) << i;
      if (found) {
        EXPECT_EQ(*found, expected->second);
      }
    }
    EXPECT_FALSE(table.find({0, 0}));
    EXPECT_FALSE(table.find({~uint64_t{0}, ~uint64_t{0}}));
  }
}

TEST(RecordStore, HoldsWhatWasMadeAndMakesNothingTwice) {
  const TemporaryFolder folder;
  NumberMaker maker;
  {
    RecordStore store(folder.path() / "c", SafeDtype::kF32);
    const FillReport report = fill_numbers(store, 0, 1500, maker);
    EXPECT_EQ(report.wanted, 1500);
    EXPECT_EQ(report.present, 1500);
    EXPECT_EQ(maker.made, 1500);
  }
  RecordStore store(folder.path() / "c", SafeDtype::kF32);
  expect_holds(store, 0, 1500);
  EXPECT_FALSE(store.find(numbered_key(1500)));
  fill_numbers(store, 700, 2000, maker);  // an overlapping demand: only what is new is made
  EXPECT_EQ(maker.made, 2000);
  expect_holds(store, 0, 2000);
}

TEST(RecordStore, FillersAtOnceShareTheWork) {
  const TemporaryFolder folder;
  NumberMaker maker;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      RecordStore store(folder.path() / "c", SafeDtype::kF32);
      const FillReport report = fill_numbers(store, 0, i < 2 ? 3000 : 2000, maker);  // not all want the same
      EXPECT_EQ(report.present, report.wanted);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(maker.made, 3000);
  std::set<CacheKey> different;
  EXPECT_EQ(samples_in_shards(folder.path() / "c", different), 3000);
  EXPECT_EQ(different.size(), 3000);
}

TEST(RecordStore, AnIndexThatIsMissingOrDamagedIsMadeAgain) {
  const TemporaryFolder folder;
  NumberMaker maker;
  {
    RecordStore store(folder.path(), SafeDtype::kF32);
    fill_numbers(store, 0, 100, maker);
  }
  fs::remove(folder.path() / "index.safetensors");
  expect_holds(RecordStore(folder.path(), SafeDtype::kF32), 0, 100);
  std::ofstream(folder.path() / "index.safetensors") << "nothing";
  expect_holds(RecordStore(folder.path(), SafeDtype::kF32), 0, 100);
  fs::resize_file(folder.path() / "index.safetensors", 100);
  expect_holds(RecordStore(folder.path(), SafeDtype::kF32), 0, 100);
}

TEST(RecordStore, LeftoversOfAKilledWriterAreRemovedAndHoldNothingUp) {
  const TemporaryFolder folder;
  fs::create_directories(folder.path() / "2x3");
  std::ofstream(folder.path() / "2x3/0000-0003-0123456789abcdef.safetensors.tmp-999999999") << "half";
  NumberMaker maker;
  RecordStore store(folder.path(), SafeDtype::kF32);
  fill_numbers(store, 0, 2000, maker);
  expect_holds(store, 0, 2000);
  for (const fs::directory_entry& entry : fs::directory_iterator(folder.path() / "2x3")) {
    EXPECT_TRUE(entry.path().string().ends_with(".safetensors")) << entry.path();
  }
}

/// Turns one bit of the last byte of a file.
void damage(const fs::path& file) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(-1, std::ios::end);
  const char byte = static_cast<char>(stream.get() ^ 1);
  stream.seekp(-1, std::ios::end);
  stream.put(byte);
}

TEST(RecordStore, DamageIsFoundTakenOutAndMadeAgain) {
  const TemporaryFolder folder;
  NumberMaker maker;
  {
    RecordStore store(folder.path(), SafeDtype::kF32);
    fill_numbers(store, 0, 1000, maker);
  }
  const std::string name = list_shards(folder.path()).front();
  damage(folder.path() / name);
  std::vector<WantedGroup> wanted = numbered_group(0, 1000);
  sort_wanted(wanted.front());
  const CacheReport report = check_records(folder.path(), wanted, /*checksums=*/true);
  EXPECT_EQ(report.damaged, 1);
  EXPECT_EQ(report.present, 999);
  EXPECT_EQ(report.twice, 0);
  EXPECT_TRUE(report.damages.front().starts_with(name)) << report.damages.front();
  {
    const RecordStore store(folder.path(), SafeDtype::kF32);
    int64_t refused = 0;
    for (int64_t i = 0; i < 1000; ++i) {
      try {
        store.checked_record(*store.find(numbered_key(i)));
      } catch (const DataError&) {
        ++refused;
      }
    }
    EXPECT_EQ(refused, 1);
    EXPECT_THROW(prune_records(folder.path(), wanted, true), MachineError);  // somebody reads it
  }
  prune_records(folder.path(), wanted, /*checksums=*/true);
  EXPECT_EQ(check_records(folder.path(), wanted, true).damaged, 0);
  RecordStore store(folder.path(), SafeDtype::kF32);
  maker.made = 0;
  fill_numbers(store, 0, 1000, maker);
  EXPECT_EQ(maker.made, 1);
  expect_holds(store, 0, 1000);
}

TEST(RecordStore, PruningKeepsJustWhatIsWanted) {
  const TemporaryFolder folder;
  NumberMaker maker;
  {
    RecordStore store(folder.path(), SafeDtype::kF32);
    fill_numbers(store, 0, 1000, maker);
  }
  std::vector<WantedGroup> wanted = numbered_group(200, 600);
  sort_wanted(wanted.front());
  EXPECT_EQ(check_records(folder.path(), wanted, false).unused, 600);
  EXPECT_EQ(prune_records(folder.path(), wanted, false).unused, 600);
  const CacheReport after = check_records(folder.path(), wanted, true);
  EXPECT_EQ(after.records, 400);
  EXPECT_EQ(after.present, 400);
  EXPECT_EQ(after.unused, 0);
  const RecordStore store(folder.path(), SafeDtype::kF32);
  expect_holds(store, 200, 600);
  EXPECT_FALSE(store.find(numbered_key(0)));
}

TEST(RecordStore, CheckingWritesNoIndexWhileAnotherDoesAndWaitsForNoPruning) {
  const TemporaryFolder folder;
  NumberMaker maker;
  {
    RecordStore store(folder.path(), SafeDtype::kF32);
    fill_numbers(store, 0, 100, maker);
  }
  std::vector<WantedGroup> wanted = numbered_group(0, 100);
  sort_wanted(wanted.front());
  const CacheLocks others(folder.path());
  std::atomic<bool> done = false;
  std::thread checker;
  {
    const RangeLock::Hold writing = others.writing_shared_files();
    checker = std::thread([&] {
      EXPECT_EQ(check_records(folder.path(), wanted, true).present, 100);
      done = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EXPECT_FALSE(done);
  }
  checker.join();
  const auto pruning = others.everything();
  ASSERT_TRUE(pruning);
  EXPECT_THROW(check_records(folder.path(), wanted, true), MachineError);
}

TEST(RecordStore, WhatIsNoShardIsNamedAndHarmless) {
  const TemporaryFolder folder;
  NumberMaker maker;
  {
    RecordStore store(folder.path(), SafeDtype::kF32);
    fill_numbers(store, 0, 1000, maker);
  }
  const std::string cut = list_shards(folder.path()).back();
  const int64_t lost = RecordShard(folder.path() / cut).size();
  fs::resize_file(folder.path() / cut, 50);
  std::vector<WantedGroup> wanted = numbered_group(0, 1000);
  sort_wanted(wanted.front());
  const CacheReport report = check_records(folder.path(), wanted, true);
  EXPECT_EQ(report.unreadable, std::vector<std::string>{cut});
  EXPECT_EQ(report.present, 1000 - lost);
  prune_records(folder.path(), wanted, true);
  RecordStore store(folder.path(), SafeDtype::kF32);
  maker.made = 0;
  fill_numbers(store, 0, 1000, maker);
  EXPECT_EQ(maker.made, lost);
  expect_holds(store, 0, 1000);
}

TEST(RecordStore, SamplesShareTheRecordOfEqualContent) {
  const TemporaryFolder folder;
  RecordStore store(folder.path(), SafeDtype::kF32);
  std::vector<WantedGroup> groups = numbered_group(0, 300);
  int64_t made = 0;
  const MakeRecords by_thirds = [&](const WantedGroup&, std::span<const WantedRecord> wanted, RecordSink& sink) {
    for (const WantedRecord& each : wanted) {
      const int64_t content = each.item % 3;
      const CacheKey record = cache_key(text("content ", content));
      const bool is_new = !sink.has(record);
      sink.add_sample(each.sample, record);
      if (!is_new) continue;
      const std::vector<float> bytes = numbered_record(content);
      sink.add_record(record, std::as_bytes(std::span(bytes)));
      ++made;
    }
  };
  EXPECT_EQ(fill_records(store, groups, {"test", "numbers", kUnitSize}, by_thirds).present, 300);
  EXPECT_EQ(made, 3);
  for (int64_t i = 0; i < 300; ++i) {
    const std::span<const std::byte> bytes = store.checked_record(*store.find(numbered_key(i)));
    EXPECT_EQ(std::memcmp(bytes.data(), numbered_record(i % 3).data(), bytes.size()), 0);
  }
}

TEST(RangeLock, PartsExcludeOneAnotherAndAreFreedWithTheirHolder) {
  const TemporaryFolder folder;
  const RangeLock mine(folder.path() / "lock"), others(folder.path() / "lock");
  {
    const auto hold = mine.try_exclusive({10, 10});
    ASSERT_TRUE(hold);
    EXPECT_FALSE(others.try_exclusive({19, 5}));
    EXPECT_FALSE(others.try_shared({0, 11}));
    EXPECT_TRUE(others.try_exclusive({20, 5}));
  }
  EXPECT_TRUE(others.try_exclusive({10, 10}));
  const auto reading = mine.try_shared({0, 1});
  EXPECT_TRUE(others.try_shared({0, 1}));
  EXPECT_FALSE(others.try_exclusive({0, 1}));
}

}  // namespace
}  // namespace atelier

#include "trainer/cache/record_fill.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/interrupt.h"
#include "configs/base/random.h"

namespace atelier {
namespace {

using Clock = std::chrono::steady_clock;

/// A shard is large enough to be read in one go, small enough to be lost with a killed process.
constexpr int64_t kMostRecords = 512, kMostBytes = int64_t{128} << 20;
constexpr std::chrono::seconds kOldestUnwritten{60};
/// Units that a fill is divided into at least, where there is enough to do: more than processes.
constexpr int64_t kFewestUnits = 64;
/// Samples of a unit at least, so that small caches are not a heap of small files.
constexpr int64_t kFewestSamples = 8;
constexpr std::chrono::milliseconds kLookAgain{200};

int64_t record_bytes(const WantedGroup& group, SafeDtype dtype) {
  auto bytes = static_cast<int64_t>(safe_dtype_size(dtype));
  for (const int64_t side : group.shape) bytes *= side;
  return bytes;
}

struct Unit {
  const WantedGroup* group;
  std::span<const WantedRecord> wanted;  // sorted
  CellRange cells;
};

/// Cuts the cells into equal ranges, a power of two of them, so that one holds `samples` or a little less on average.
void divide(const WantedGroup& group, int64_t samples, std::vector<Unit>& units) {
  const auto parts = std::min<uint64_t>(
      std::bit_ceil((group.wanted.size() + static_cast<size_t>(samples) - 1) / static_cast<size_t>(samples)),
      CellRange::kCells);
  const int64_t width = CellRange::kCells / static_cast<int64_t>(parts);
  const std::span<const WantedRecord> all(group.wanted);
  size_t begin = 0;
  for (int64_t first = 0; first < CellRange::kCells && begin < all.size(); first += width) {
    const CellRange cells{first, first + width - 1};
    size_t end = begin;
    while (end < all.size() && cells.contains(all[end].sample)) ++end;
    if (end > begin) units.push_back({&group, all.subspan(begin, end - begin), cells});
    begin = end;
  }
}

std::vector<Unit> divide_all(const std::vector<WantedGroup>& groups, SafeDtype dtype, int64_t smallest) {
  int64_t total = 0;
  for (const WantedGroup& group : groups) total += std::ssize(group.wanted);
  std::vector<Unit> units;
  for (const WantedGroup& group : groups) {
    if (group.wanted.empty()) continue;
    const int64_t most = std::clamp<int64_t>(kMostBytes / record_bytes(group, dtype), 1, kMostRecords);
    divide(group, std::clamp(total / kFewestUnits, std::min(std::max(smallest, kFewestSamples), most), most), units);
  }
  return units;
}

/// Each process begins somewhere else, so that claims rarely meet.
void begin_anywhere(std::vector<Unit>& units) {
  const auto now = static_cast<uint64_t>(Clock::now().time_since_epoch().count());
  CounterRng rng(now, "fill", {static_cast<uint64_t>(::getpid())});
  std::ranges::rotate(units, units.begin() + static_cast<std::ptrdiff_t>(rng.below(units.size())));
}

class Fill {
 public:
  Fill(RecordStore& store, const MakeRecords& make, Progress& progress)
      : store_(store), make_(make), progress_(progress) {}

  /// False: another process has it in hand.
  bool try_unit(const Unit& unit) {
    const std::optional<RangeLock::Hold> claim = store_.claim(unit.group->shape, unit.cells);
    if (!claim) return false;
    const std::vector<WantedRecord> missing = still_missing(unit);
    int64_t made = 0;
    if (!missing.empty()) {
      RecordSink sink(store_, *unit.group, unit.cells, known_, progress_);
      make_(*unit.group, missing, sink);
      sink.commit();
      made = sink.samples();
    }
    progress_.advance(std::ssize(unit.wanted) - made);  // made by others, or bad
    return true;
  }

 private:
  std::vector<WantedRecord> still_missing(const Unit& unit) {
    CacheKeySet added;
    for (const std::filesystem::path& file : store_.new_shards(unit.group->shape, unit.cells)) {
      const RecordShard shard(file);
      known_.insert(shard.keys().begin(), shard.keys().end());
      for (const CachedSample& sample : shard.samples()) added.insert(sample.sample);
    }
    std::vector<WantedRecord> missing;
    for (const WantedRecord& wanted : unit.wanted) {
      if (!added.contains(wanted.sample)) missing.push_back(wanted);
    }
    return missing;
  }

  RecordStore& store_;
  const MakeRecords& make_;
  Progress& progress_;
  CacheKeySet known_;
};

int64_t count_present(const RecordStore& store, const std::vector<WantedGroup>& groups) {
  int64_t present = 0;
  for (const WantedGroup& group : groups) {
    present += std::ranges::count_if(
        group.wanted, [&](const WantedRecord& wanted) { return store.find(wanted.sample).has_value(); });
  }
  return present;
}

/// The groups without what is there.
std::vector<WantedGroup> missing_of(const RecordStore& store, const std::vector<WantedGroup>& groups) {
  std::vector<WantedGroup> missing;
  for (const WantedGroup& group : groups) {
    WantedGroup& rest = missing.emplace_back(WantedGroup{group.shape, {}});
    std::ranges::copy_if(group.wanted, std::back_inserter(rest.wanted),
                         [&](const WantedRecord& wanted) { return !store.find(wanted.sample); });
  }
  return missing;
}

}  // namespace

void sort_wanted(WantedGroup& group) {
  std::ranges::sort(group.wanted, {}, &WantedRecord::sample);
  const auto twice = std::ranges::unique(group.wanted, {}, &WantedRecord::sample);
  group.wanted.erase(twice.begin(), twice.end());
}

RecordSink::RecordSink(const RecordStore& store, const WantedGroup& group, CellRange cells, CacheKeySet& known,
                       Progress& progress)
    : store_(store), group_(group), cells_(cells), known_(known), progress_(progress), begun_(Clock::now()) {}

void RecordSink::add_sample(const CacheKey& sample, const CacheKey& record) {
  content_.samples.push_back({sample, record});
  ++samples_;
  progress_.advance();
}

void RecordSink::add_record(const CacheKey& record, std::span<const std::byte> bytes) {
  content_.add(record, bytes);
  known_.insert(record);
  if (std::ssize(content_.keys) >= kMostRecords || std::ssize(content_.records) >= kMostBytes ||
      Clock::now() - begun_ >= kOldestUnwritten) {
    commit();
  }
}

void RecordSink::commit() {
  if (!content_.samples.empty()) {
    write_shard(store_.shard_path(group_.shape, cells_, content_), content_, store_.dtype(), group_.shape);
  }
  content_ = {};
  begun_ = Clock::now();
}

FillReport fill_records(RecordStore& store, std::vector<WantedGroup>& groups, const FillSetting& setting,
                        const MakeRecords& make) {
  FillReport report;
  for (WantedGroup& group : groups) {
    sort_wanted(group);
    report.wanted += std::ssize(group.wanted);
  }
  report.present = count_present(store, groups);
  if (report.present == report.wanted) return report;
  const std::vector<WantedGroup> missing = missing_of(store, groups);
  std::vector<Unit> units = divide_all(missing, store.dtype(), setting.smallest_unit);
  begin_anywhere(units);
  Progress progress(setting.label, report.wanted, setting.unit);
  progress.start_at(report.present);
  Fill fill(store, make, progress);
  while (!units.empty()) {
    check_interrupted();
    const size_t left = std::erase_if(units, [&](const Unit& unit) {
      check_interrupted();
      return fill.try_unit(unit);
    });
    if (left == 0) std::this_thread::sleep_for(kLookAgain);
  }
  check_interrupted();
  progress.finish();
  store.refresh();
  report.present = count_present(store, groups);
  return report;
}

}  // namespace atelier

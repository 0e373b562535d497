// Making the records that are missing, together with any number of other processes and with no word between them.
//
// The samples of a shape are divided by the first bits of their keys into units of about one shard. A process claims a
// unit by a lock on its cells, looks at what others have added to it, makes what is still missing, and writes it as
// shards that appear whole. A killed process loses its claim and the shard in its hands, nothing else.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "configs/base/progress.h"
#include "trainer/cache/record_store.h"

namespace atelier {

/// A sample that shall be there; `item` is the caller's own number for it.
struct WantedRecord {
  CacheKey sample;
  int64_t item = 0;
};

/// Those of one shape.
struct WantedGroup {
  std::vector<int64_t> shape;  // of a record
  std::vector<WantedRecord> wanted;
};

/// By key, each sample once.
void sort_wanted(WantedGroup& group);

/// The keys of a process's new records. Hashes already: no further mixing is needed.
struct CacheKeyHash {
  size_t operator()(const CacheKey& key) const { return key.low; }
};
using CacheKeySet = std::unordered_set<CacheKey, CacheKeyHash>;

/// Where a maker puts what it made.
class RecordSink {
 public:
  /// `known`: records that the store has and its index does not know; grows by what is written.
  RecordSink(const RecordStore& store, const WantedGroup& group, CellRange cells, CacheKeySet& known,
             Progress& progress);
  /// What was added and not committed is lost.
  ~RecordSink() = default;

  /// Whether a record of this content is there already, from this or another process: then add_sample() is enough.
  bool has(const CacheKey& record) const { return known_.contains(record) || store_.has_record(record); }
  /// REQUIRES has(record) or a following add_record().
  void add_sample(const CacheKey& sample, const CacheKey& record);
  /// Writes a shard when it is full, or a minute old.
  void add_record(const CacheKey& record, std::span<const std::byte> bytes);
  /// Writes what is left.
  void commit();
  /// Samples so far.
  int64_t samples() const { return samples_; }

 private:
  const RecordStore& store_;
  const WantedGroup& group_;
  CellRange cells_;
  CacheKeySet& known_;
  Progress& progress_;
  ShardContent content_;
  std::chrono::steady_clock::time_point begun_;
  int64_t samples_ = 0;
};

struct FillReport {
  int64_t wanted = 0;   // samples
  int64_t present = 0;  // of these, in the cache at the end
};

/// Makes the records of some samples of one group and puts them into the sink. What cannot be made is left out.
using MakeRecords =
    std::function<void(const WantedGroup& group, std::span<const WantedRecord> wanted, RecordSink& sink)>;

struct FillSetting {
  std::string label;             // of the progress line
  std::string unit;              // what is counted, plural
  int64_t smallest_unit = 1;     // samples: no unit is cut smaller for the sake of many processes
};

/// Returns when every wanted sample is there or could not be made; every process that fills at the same time does. An
/// interruption ends it after the shard in hand. The groups' samples are sorted on return; a sample that is wanted
/// twice counts once.
FillReport fill_records(RecordStore& store, std::vector<WantedGroup>& groups, const FillSetting& setting,
                        const MakeRecords& make);

}  // namespace atelier

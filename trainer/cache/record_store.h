// A folder of cached records of one setting: found by key, read without a copy, made by any number of processes at once
// (docs/formats/cache.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trainer/cache/cache_locks.h"
#include "trainer/cache/record_index.h"
#include "trainer/cache/record_shard.h"

namespace atelier {

class RecordStore {
 public:
  /// Makes the folder where it is missing, and the index where it is not that of the shards. While this lives nothing
  /// is pruned. ConfigError when it cannot be written; MachineError when it is being pruned.
  RecordStore(std::filesystem::path folder, SafeDtype dtype);

  const std::filesystem::path& folder() const { return folder_; }
  SafeDtype dtype() const { return dtype_; }

  /// Of the index as it was at the last refresh(). Thread-safe, constant time, no allocation.
  std::optional<RecordPlace> find(const CacheKey& sample) const { return index_->samples().find(sample); }
  bool has_record(const CacheKey& record) const { return index_->records().find(record).has_value(); }
  /// The bytes of a record in the mapped file, valid until refresh(). Thread-safe; allocates at a shard's first use.
  /// DataError when the shard or the row is not there.
  std::span<const std::byte> record(RecordPlace place) const;
  /// The same, compared with its checksum: DataError for damage.
  std::span<const std::byte> checked_record(RecordPlace place) const;
  /// Asks the kernel to read a record ahead.
  void will_need(RecordPlace place) const;

  /// Takes in what has been added since; one process at a time makes the index, the others find it made.
  void refresh();
  const RecordIndex& index() const { return *index_; }

  /// The right to make the samples of a shape whose cells these are; nullopt while another process has some of it.
  std::optional<RangeLock::Hold> claim(std::span<const int64_t> shape, CellRange cells) const;
  /// Shards with samples of these cells that the index does not know yet. What a killed process left unfinished is
  /// removed. REQUIRES the claim.
  std::vector<std::filesystem::path> new_shards(std::span<const int64_t> shape, CellRange cells) const;
  /// Where a new shard goes. Equal content has an equal name.
  std::filesystem::path shard_path(std::span<const int64_t> shape, CellRange cells, const ShardContent& content) const;

 private:
  struct Slot {
    std::once_flag opened;
    std::unique_ptr<RecordShard> shard;
  };

  const RecordShard& shard(uint32_t number) const;
  std::filesystem::path shape_folder(std::span<const int64_t> shape) const;

  std::filesystem::path folder_;
  SafeDtype dtype_;
  CacheLocks locks_;
  RangeLock::Hold reading_;
  std::unique_ptr<RecordIndex> index_;
  std::unique_ptr<Slot[]> slots_;  // of the index's shards
};

}  // namespace atelier

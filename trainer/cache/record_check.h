// Looking through a whole cache, and taking out of it what is not wanted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "trainer/cache/record_fill.h"

namespace atelier {

/// Counts of one folder of shards. Wanted are the samples of one run; others may use the rest.
struct CacheReport {
  int64_t shards = 0, records = 0, bytes = 0;
  int64_t wanted = 0, present = 0;     // samples; present: with a sound record, where that was looked at
  int64_t unused = 0;                  // records that no wanted sample has
  int64_t twice = 0;                   // samples and records that stand there more than once
  int64_t damaged = 0;                 // records whose checksum is another
  std::vector<std::string> unreadable;  // shards
  std::vector<std::string> damages;     // "shard: record 7", the first hundred
};

/// Reads all of `folder`, as it is at the beginning, while others read and fill it; with `checksums` every record's
/// bytes too. MachineError while it is being pruned.
CacheReport check_records(const std::filesystem::path& folder, const std::vector<WantedGroup>& wanted, bool checksums);

/// Removes what is unused, unreadable or there twice, and with `checksums` what is damaged; whole shards are removed,
/// others written anew. MachineError while a process uses the cache. What was found before.
CacheReport prune_records(const std::filesystem::path& folder, const std::vector<WantedGroup>& wanted, bool checksums);

}  // namespace atelier

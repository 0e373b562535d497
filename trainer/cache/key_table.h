// Keys to places: sorted, with a directory of where each first bits begin, so that a key is found by looking at a few
// neighbours, in memory that may be a file's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "trainer/cache/cache_key.h"

namespace atelier {

/// Where a record lies.
struct RecordPlace {
  uint32_t row = 0, shard = 0;

  auto operator<=>(const RecordPlace&) const = default;
};

struct KeyedPlace {
  CacheKey key;
  RecordPlace place;
};

/// What a KeyTable looks at.
struct KeyTableParts {
  std::vector<CacheKey> keys;
  std::vector<RecordPlace> places;
  std::vector<uint32_t> starts;
};

/// `entries` sorted by key, of equal ones the first.
KeyTableParts make_key_table(std::span<const KeyedPlace> entries);

class KeyTable {
 public:
  KeyTable() = default;
  /// Views of what make_key_table() made. REQUIRES is_key_table().
  KeyTable(std::span<const CacheKey> keys, std::span<const RecordPlace> places, std::span<const uint32_t> starts);

  int64_t size() const { return std::ssize(keys_); }
  /// In constant time on average (about eight keys share their first bits); does not allocate.
  std::optional<RecordPlace> find(const CacheKey& key) const;
  KeyedPlace entry(int64_t index) const { return {keys_[index], places_[index]}; }

 private:
  std::span<const CacheKey> keys_;
  std::span<const RecordPlace> places_;
  std::span<const uint32_t> starts_;
  unsigned shift_ = 63;
};

/// Whether three columns that were read can be a table; looks at their lengths alone.
bool is_key_table(std::span<const CacheKey> keys, std::span<const RecordPlace> places,
                  std::span<const uint32_t> starts);

}  // namespace atelier

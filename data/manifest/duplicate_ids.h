// Posts of one source that have the id of an earlier one.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace atelier {

/// 128 bits of an id: equal hashes stand for equal ids, as they do for content elsewhere.
struct IdHash {
  uint64_t low = 0, high = 0;

  bool operator==(const IdHash&) const = default;
};

IdHash hash_id(std::string_view id);

/// The ids that were there so far, at 24 to 48 bytes each.
class SeenIds {
 public:
  /// Room for `rows` ids at most.
  explicit SeenIds(int64_t rows);
  /// False if it was there before.
  bool insert(const IdHash& id);

 private:
  std::vector<IdHash> slots_;  // 0: free
};

}  // namespace atelier

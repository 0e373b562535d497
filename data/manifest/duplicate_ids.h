// Posts of one source that have the id of an earlier one.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace atelier {

/// Finds them by 64-bit hashes of the ids, and asks for the ids themselves only where hashes are equal.
class DuplicateIds {
 public:
  /// `same_id(a, b)`: whether the rows a and b, a before b, truly have one id. `rows`: how many will be asked at most.
  DuplicateIds(int64_t rows, std::function<bool(int64_t, int64_t)> same_id);

  /// True if an earlier row has the same id; rows come in order, each once.
  bool is_duplicate(int64_t row, uint64_t hash);

 private:
  struct Slot {
    int64_t row = -1;
    uint64_t hash = 0;
  };
  std::function<bool(int64_t, int64_t)> same_id_;
  std::vector<Slot> slots_;
};

}  // namespace atelier

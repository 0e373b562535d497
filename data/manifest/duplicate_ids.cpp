#include "data/manifest/duplicate_ids.h"

#include <bit>

namespace atelier {

DuplicateIds::DuplicateIds(int64_t rows, std::function<bool(int64_t, int64_t)> same_id)
    : same_id_(std::move(same_id)), slots_(std::bit_ceil(static_cast<size_t>(rows) * 3 / 2 + 1)) {}

bool DuplicateIds::is_duplicate(int64_t row, uint64_t hash) {
  const size_t mask = slots_.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    if (slots_[i].row < 0) {
      slots_[i] = {row, hash};
      return false;
    }
    if (slots_[i].hash == hash && same_id_(slots_[i].row, row)) return true;
  }
}

}  // namespace atelier

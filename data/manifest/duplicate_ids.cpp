#include "data/manifest/duplicate_ids.h"

#include <bit>

#include "configs/base/hash.h"

namespace atelier {

IdHash hash_id(std::string_view id) {
  const IdHash hash{hash64(id, 0), hash64(id, 1)};
  return hash == IdHash() ? IdHash{1, 0} : hash;  // 0 marks free slots
}

SeenIds::SeenIds(int64_t rows) : slots_(std::bit_ceil(static_cast<size_t>(rows) * 3 / 2 + 1)) {}

bool SeenIds::insert(const IdHash& id) {
  const size_t mask = slots_.size() - 1;
  for (size_t i = id.low & mask;; i = (i + 1) & mask) {
    if (slots_[i] == id) return false;
    if (slots_[i] == IdHash()) {
      slots_[i] = id;
      return true;
    }
  }
}

}  // namespace atelier

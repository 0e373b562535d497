#include "trainer/cache/key_table.h"

#include <algorithm>
#include <bit>

namespace atelier {
namespace {

constexpr size_t kKeysAStart = 8;

/// Bits that the directory of `count` keys goes by: at least one, so that a shift by them is defined.
unsigned directory_bits(size_t count) {
  return static_cast<unsigned>(std::max<size_t>(1, std::bit_width(count / kKeysAStart)));
}

}  // namespace

KeyTableParts make_key_table(std::span<const KeyedPlace> entries) {
  KeyTableParts parts;
  parts.keys.reserve(entries.size());
  parts.places.reserve(entries.size());
  for (const KeyedPlace& entry : entries) {
    if (!parts.keys.empty() && parts.keys.back() == entry.key) continue;
    parts.keys.push_back(entry.key);
    parts.places.push_back(entry.place);
  }
  const unsigned bits = directory_bits(parts.keys.size());
  parts.starts.assign((size_t{1} << bits) + 1, 0);
  for (const CacheKey& key : parts.keys) ++parts.starts[(key.high >> (64 - bits)) + 1];
  for (size_t i = 1; i < parts.starts.size(); ++i) parts.starts[i] += parts.starts[i - 1];
  return parts;
}

KeyTable::KeyTable(std::span<const CacheKey> keys, std::span<const RecordPlace> places,
                   std::span<const uint32_t> starts)
    : keys_(keys), places_(places), starts_(starts), shift_(64 - directory_bits(keys.size())) {}

std::optional<RecordPlace> KeyTable::find(const CacheKey& key) const {
  if (keys_.empty()) return std::nullopt;
  const uint64_t slot = key.high >> shift_;
  // A file's numbers are not trusted: what they do not lead to is not found.
  const size_t end = std::min<size_t>(starts_[slot + 1], keys_.size()), begin = std::min<size_t>(starts_[slot], end);
  const auto found = std::lower_bound(keys_.begin() + begin, keys_.begin() + end, key);
  if (found == keys_.begin() + end || *found != key) return std::nullopt;
  return places_[found - keys_.begin()];
}

bool is_key_table(std::span<const CacheKey> keys, std::span<const RecordPlace> places,
                  std::span<const uint32_t> starts) {
  return keys.size() == places.size() && starts.size() == (size_t{1} << directory_bits(keys.size())) + 1;
}

}  // namespace atelier

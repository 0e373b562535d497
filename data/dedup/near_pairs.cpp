#include "data/dedup/near_pairs.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "configs/base/thread_pool.h"

namespace atelier {
namespace {

constexpr int kParts = 4, kPartBits = 16;
constexpr size_t kValues = size_t{1} << kPartBits;

uint32_t part_of(uint64_t hash, int part) { return static_cast<uint32_t>(hash >> (part * kPartBits)) & (kValues - 1); }

int distance(uint64_t a, uint64_t b) { return std::popcount(a ^ b); }

/// The hashes sorted by the value of one part.
struct PartIndex {
  PartIndex(std::span<const uint64_t> hashes, int part) : begins(kValues + 1), rows(hashes.size()) {
    for (const uint64_t hash : hashes) ++begins[part_of(hash, part) + 1];
    for (size_t value = 0; value < kValues; ++value) begins[value + 1] += begins[value];
    std::vector<uint32_t> next(begins.begin(), begins.end() - 1);
    for (size_t i = 0; i < hashes.size(); ++i) rows[next[part_of(hashes[i], part)]++] = static_cast<uint32_t>(i);
  }

  std::span<const uint32_t> with(uint32_t value) const {
    return std::span(rows).subspan(begins[value], begins[value + 1] - begins[value]);
  }

  std::vector<uint32_t> begins, rows;
};

/// All 16-bit numbers with at most `radius` bits set.
std::vector<uint32_t> masks_within(int radius) {
  std::vector<uint32_t> masks;
  for (uint32_t mask = 0; mask < kValues; ++mask) {
    if (std::popcount(mask) <= radius) masks.push_back(mask);
  }
  return masks;
}

}  // namespace

void for_each_near_pair(std::span<const uint64_t> hashes, int max_distance,
                        const std::function<void(int64_t i, int64_t j)>& use) {
  const int radius = max_distance / kParts;
  const std::vector<uint32_t> masks = masks_within(radius);
  /// The first part within the radius names the pair, so that it is told once.
  const auto found_before = [&](uint64_t difference, int part) {
    for (int earlier = 0; earlier < part; ++earlier) {
      if (std::popcount(part_of(difference, earlier)) <= radius) return true;
    }
    return false;
  };
  for (int part = 0; part < kParts; ++part) {
    const PartIndex index(hashes, part);
    parallel_for(static_cast<int64_t>(kValues), 0, [&](int64_t value) {
      const auto own = index.with(static_cast<uint32_t>(value));
      if (own.empty()) return;
      for (const uint32_t mask : masks) {
        const uint32_t other_value = static_cast<uint32_t>(value) ^ mask;
        if (other_value < static_cast<uint32_t>(value)) continue;  // the pair of values is met from the other side
        for (const uint32_t i : own) {
          for (const uint32_t j : index.with(other_value)) {
            if (mask == 0 && j <= i) continue;
            const uint64_t difference = hashes[i] ^ hashes[j];
            if (distance(hashes[i], hashes[j]) > max_distance || found_before(difference, part)) continue;
            use(std::min(i, j), std::max(i, j));
          }
        }
      }
    });
  }
}

}  // namespace atelier

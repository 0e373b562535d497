// Pairs of nearly equal 64-bit hashes among millions.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace atelier {

/// Calls `use(i, j)` with i < j once for every pair of hashes that differ in at most `max_distance` bits, 0 to 11; in
/// no particular order, from several threads.
///
/// Multi-index hashing (Norouzi, Punjani, Fleet 2012): the hash is cut into four parts of 16 bits, and of two hashes
/// within 4 r + 3 bits one part differs in at most r. So each part is looked up with its neighbours within r bits
/// instead of comparing all with all.
void for_each_near_pair(std::span<const uint64_t> hashes, int max_distance,
                        const std::function<void(int64_t i, int64_t j)>& use);

}  // namespace atelier

// Few different repeats out of many, so that posts fall into few strata.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace atelier {

struct Levels {
  std::vector<double> repeats;  // by level, ascending
  std::vector<uint16_t> level_of_cell;
};

/// Up to kExactLevels different repeats are kept as they are. More are gathered in at most kMaxLevels bins of
/// kLevelWidth (relative), from the largest down; what is less than the largest by a factor of 7e8 or more is one bin,
/// and comes up in no run. A bin's level is the mean over its posts, so every other post is repeated as often as asked
/// for to 1 %, and the epoch's total does not change. 0 stays 0.
inline constexpr size_t kExactLevels = 256;
inline constexpr size_t kMaxLevels = 2048;
inline constexpr double kLevelWidth = 0.01;

Levels make_levels(const std::vector<double>& repeats, const std::vector<int64_t>& posts);

}  // namespace atelier

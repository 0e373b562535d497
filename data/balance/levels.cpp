#include "data/balance/levels.h"

#include <algorithm>
#include <cmath>

namespace atelier {
namespace {

Levels exact_levels(const std::vector<double>& repeats, std::vector<double> distinct) {
  Levels levels;
  for (double value : repeats) {
    const auto found = std::lower_bound(distinct.begin(), distinct.end(), value);
    levels.level_of_cell.push_back(static_cast<uint16_t>(found - distinct.begin()));
  }
  levels.repeats = std::move(distinct);
  return levels;
}

}  // namespace

Levels make_levels(const std::vector<double>& repeats, const std::vector<int64_t>& posts) {
  std::vector<double> distinct = repeats;
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  if (distinct.size() <= kExactLevels) return exact_levels(repeats, std::move(distinct));

  // Bins count down from the largest; bin 0 is for 0. Logarithms first: raking brings repeats down to 1e-300, and
  // quotients of such overflow.
  const double largest = std::log(distinct.back()), width = std::log1p(kLevelWidth);
  const auto bin_of = [&](double value) -> size_t {
    if (value <= 0) return 0;
    const double below = (largest - std::log(value)) / width;
    return kMaxLevels - 1 - static_cast<size_t>(std::min(below, static_cast<double>(kMaxLevels - 2)));
  };
  std::vector<double> samples(kMaxLevels, 0), of_bin(kMaxLevels, 0);
  for (size_t c = 0; c < repeats.size(); ++c) {
    const size_t bin = bin_of(repeats[c]);
    samples[bin] += repeats[c] * static_cast<double>(posts[c]);
    of_bin[bin] += static_cast<double>(posts[c]);
  }
  Levels levels;
  std::vector<uint16_t> level_of_bin(kMaxLevels, 0);
  for (size_t bin = 0; bin < kMaxLevels; ++bin) {
    if (of_bin[bin] <= 0) continue;
    level_of_bin[bin] = static_cast<uint16_t>(levels.repeats.size());
    levels.repeats.push_back(samples[bin] / of_bin[bin]);
  }
  for (double value : repeats) levels.level_of_cell.push_back(level_of_bin[bin_of(value)]);
  return levels;
}

}  // namespace atelier

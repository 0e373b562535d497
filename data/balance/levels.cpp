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

  const double least = *std::upper_bound(distinct.begin(), distinct.end(), 0.0);
  const double span = std::log(distinct.back() / least);
  const double width = std::max(std::log1p(kLevelWidth), span / static_cast<double>(kMaxLevels - 2));
  const auto bins = static_cast<size_t>(span / width) + 2;  // the first is for 0
  const auto bin_of = [&](double value) {
    return value > 0 ? std::min(bins - 1, 1 + static_cast<size_t>(std::log(value / least) / width)) : 0;
  };
  std::vector<double> samples(bins, 0), of_bin(bins, 0);
  for (size_t c = 0; c < repeats.size(); ++c) {
    const size_t bin = bin_of(repeats[c]);
    samples[bin] += repeats[c] * static_cast<double>(posts[c]);
    of_bin[bin] += static_cast<double>(posts[c]);
  }
  Levels levels;
  std::vector<uint16_t> level_of_bin(bins, 0);
  for (size_t bin = 0; bin < bins; ++bin) {
    if (of_bin[bin] <= 0) continue;
    level_of_bin[bin] = static_cast<uint16_t>(levels.repeats.size());
    levels.repeats.push_back(samples[bin] / of_bin[bin]);
  }
  for (double value : repeats) levels.level_of_cell.push_back(level_of_bin[bin_of(value)]);
  return levels;
}

}  // namespace atelier

#include "data/balance/water_fill.h"

#include <algorithm>

namespace atelier {
namespace {

/// Cells reach the cap in the order of q / n, so fix them one after another and solve for the others.
double filling_factor(const std::vector<int64_t>& posts, const std::vector<double>& shares, double cap, double length) {
  const auto density = [&](size_t c) { return shares[c] / static_cast<double>(posts[c]); };
  std::vector<size_t> used;
  for (size_t c = 0; c < posts.size(); ++c) {
    if (shares[c] > 0) used.push_back(c);
  }
  std::stable_sort(used.begin(), used.end(), [&](size_t a, size_t b) { return density(a) > density(b); });
  double free_share = 1, capped_samples = 0, factor = 0;
  for (size_t c : used) {
    factor = (length - capped_samples) / free_share;
    if (factor * density(c) <= cap) return factor;
    capped_samples += cap * static_cast<double>(posts[c]);
    free_share -= shares[c];
  }
  return factor;  // the cap is at least 1, so this is rounding: all are at the cap, and it is 1
}

double covering_factor(const std::vector<int64_t>& posts, const std::vector<double>& shares) {
  double factor = 0;
  for (size_t c = 0; c < posts.size(); ++c) {
    if (shares[c] > 0) factor = std::max(factor, static_cast<double>(posts[c]) / shares[c]);
  }
  return factor;
}

}  // namespace

Repeated water_fill(const std::vector<int64_t>& posts, const std::vector<double>& shares, double max_repeat,
                    bool cover) {
  double length = 0;
  for (size_t c = 0; c < posts.size(); ++c) {
    if (shares[c] > 0) length += static_cast<double>(posts[c]);
  }
  const double uncapped = cover ? covering_factor(posts, shares) : length;
  const double factor = cover ? uncapped : filling_factor(posts, shares, max_repeat, length);
  Repeated result;
  double cut_off = 0;
  for (size_t c = 0; c < posts.size(); ++c) {
    const auto of_cell = static_cast<double>(posts[c]);
    result.repeats.push_back(shares[c] > 0 ? std::min(max_repeat, factor * shares[c] / of_cell) : 0);
    cut_off += std::max(0.0, uncapped * shares[c] - max_repeat * of_cell);
  }
  result.cut_off = uncapped > 0 ? cut_off / uncapped : 0;
  return result;
}

}  // namespace atelier

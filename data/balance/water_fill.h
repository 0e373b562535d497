// From shares to repeats, under a cap.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace atelier {

struct Repeated {
  std::vector<double> repeats;  // of one post, by cell
  double cut_off = 0;           // share of the epoch's samples that the cap took from cells above it
};

/// For n posts of a cell with share q (by cell, sum 1; cells without posts have share 0):
///
///   repeats = min(max_repeat, f x q / n)
///
/// with one factor f for all. `cover` false: the f that keeps the epoch's length (the posts of the cells that have a
/// share), which is water-filling: what max_repeat cuts off goes to the other cells in proportion to their shares.
/// True: the least f that leaves no repeats below 1; the epoch is as long as that makes it. Cells with share 0 get 0.
/// REQUIRES max_repeat >= 1.
Repeated water_fill(const std::vector<int64_t>& posts, const std::vector<double>& shares, double max_repeat,
                    bool cover);

}  // namespace atelier

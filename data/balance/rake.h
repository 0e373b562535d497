// Raking: shares of cells that hold several marginal distributions at once.
#pragma once

#include <cstdint>
#include <vector>

namespace atelier {

/// One division of the cells into classes and the shares that the classes shall have (sum 1).
struct RakeMarginal {
  std::vector<uint32_t> class_of_cell;
  std::vector<double> shares;
};

struct Raked {
  std::vector<double> shares;  // by cell, sum 1
  int rounds = 0;              // through all marginals
  double error = 0;            // largest |reached - wanted| of any class, after the last round
  /// By marginal: classes whose share no cell can carry, as other marginals leave them none (their share of 0). The
  /// other classes of the marginal get it.
  std::vector<std::vector<uint32_t>> unreachable;
};

/// Iterative proportional fitting (Deming and Stephan 1940): begins with `weights` (by cell, at least 0) and scales
/// each marginal's classes to their shares in turn until every share is right to `tolerance` or `max_rounds` are done.
/// Of all shares with these marginals the result is nearest to the weights (least Kullback-Leibler divergence). One
/// marginal is exact after one round. Shares are all 0 if no cell can carry any.
Raked rake(const std::vector<double>& weights, std::vector<RakeMarginal> marginals, double tolerance = 1e-9,
           int max_rounds = 1000);

}  // namespace atelier

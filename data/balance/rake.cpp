#include "data/balance/rake.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace atelier {
namespace {

std::vector<double> class_sums(const RakeMarginal& marginal, const std::vector<double>& cells) {
  std::vector<double> sums(marginal.shares.size(), 0);
  for (size_t c = 0; c < cells.size(); ++c) sums[marginal.class_of_cell[c]] += cells[c];
  return sums;
}

void scale_to(std::vector<double>& values, double total) {
  double sum = 0;
  for (double value : values) sum += value;
  for (double& value : values) value = sum > 0 ? value * (total / sum) : 0;
}

/// Empties the cells of classes without a share, and takes the shares of classes that are left without cells.
void settle_support(std::vector<double>& cells, std::vector<RakeMarginal>& marginals, Raked& result) {
  for (const RakeMarginal& marginal : marginals) {
    for (size_t c = 0; c < cells.size(); ++c) {
      if (marginal.shares[marginal.class_of_cell[c]] <= 0) cells[c] = 0;
    }
  }
  for (size_t m = 0; m < marginals.size(); ++m) {
    const std::vector<double> sums = class_sums(marginals[m], cells);
    for (size_t g = 0; g < sums.size(); ++g) {
      if (sums[g] > 0 || marginals[m].shares[g] <= 0) continue;
      result.unreachable[m].push_back(static_cast<uint32_t>(g));
      marginals[m].shares[g] = 0;
    }
    scale_to(marginals[m].shares, 1);
  }
}

void fit(std::vector<double>& cells, const RakeMarginal& marginal) {
  std::vector<double> factors = class_sums(marginal, cells);
  for (size_t g = 0; g < factors.size(); ++g) factors[g] = factors[g] > 0 ? marginal.shares[g] / factors[g] : 0;
  for (size_t c = 0; c < cells.size(); ++c) cells[c] *= factors[marginal.class_of_cell[c]];
}

double largest_error(const std::vector<double>& cells, std::span<const RakeMarginal> marginals) {
  double error = 0;
  for (const RakeMarginal& marginal : marginals) {
    const std::vector<double> sums = class_sums(marginal, cells);
    for (size_t g = 0; g < sums.size(); ++g) error = std::max(error, std::abs(sums[g] - marginal.shares[g]));
  }
  return error;
}

}  // namespace

Raked rake(const std::vector<double>& weights, std::vector<RakeMarginal> marginals, double tolerance, int max_rounds) {
  Raked result;
  result.shares = weights;
  result.unreachable.resize(marginals.size());
  settle_support(result.shares, marginals, result);
  scale_to(result.shares, 1);
  do {
    for (const RakeMarginal& marginal : marginals) fit(result.shares, marginal);
    ++result.rounds;
    result.error = largest_error(result.shares, marginals);
  } while (marginals.size() > 1 && result.error > tolerance && result.rounds < max_rounds);
  return result;
}

}  // namespace atelier

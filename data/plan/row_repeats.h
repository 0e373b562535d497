// How often each row of a plan is used an epoch: balance, sources and regularisation together, as a table of few
// levels.
#pragma once

#include <cstdint>
#include <vector>

#include "data/balance/balance.h"
#include "data/plan/plan_input.h"

namespace atelier {

class RowRepeats {
 public:
  /// Balances `input`. Rows of regularisation sources take no part in it; their repeats are scaled so that an epoch has
  /// as many of their samples as of all other rows (sd-scripts' rule, but all of them take turns).
  RowRepeats(const PlanInput& input, const BalanceOptions& options);

  const Balance& balance() const { return balance_; }
  /// Uses of a row an epoch, on average, at a resolution with repeats 1.
  double uses(int64_t row) const { return uses_[combination(row)]; }
  /// What a sample's loss is multiplied by, not scaled: 1 unless balance is applied as loss weights.
  double weight(int64_t row) const { return weights_[combination(row)]; }
  /// Rows of one kind have the same uses and weight.
  uint32_t kind(int64_t row) const { return static_cast<uint32_t>(combination(row)); }
  const std::vector<double>& uses_of_kinds() const { return uses_; }
  const std::vector<double>& weights_of_kinds() const { return weights_; }
  bool weighted() const { return weighted_; }

 private:
  size_t combination(int64_t row) const {
    const auto i = static_cast<size_t>(row);
    return static_cast<size_t>(level_of_row_[i]) * sources_ + source_of_row_[i];
  }
  void fill_kinds(const PlanInput& input, const std::vector<double>& level_repeats);

  Balance balance_;
  bool weighted_;
  size_t sources_;
  std::vector<uint16_t> level_of_row_, source_of_row_;
  std::vector<double> uses_, weights_;  // by kind: level x source
};

}  // namespace atelier

// One of several words, drawn by weight.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "configs/base/random.h"

namespace atelier {

class WeightedChoice {
 public:
  WeightedChoice() = default;
  explicit WeightedChoice(const std::map<std::string, double>& weights) {
    for (const auto& [word, weight] : weights) add(word, weight);
  }

  void add(std::string word, double weight) {
    total_ += weight;
    words_.push_back(std::move(word));
    until_.push_back(total_);
  }

  /// True if there is nothing that could be drawn.
  bool empty() const { return !(total_ > 0); }

  /// REQUIRES words. If none has a weight, the last.
  const std::string& draw(CounterRng& draws) const {
    const auto found = std::ranges::upper_bound(until_, draws.uniform() * total_);
    return words_[std::min(static_cast<size_t>(found - until_.begin()), words_.size() - 1)];
  }

 private:
  std::vector<std::string> words_;
  std::vector<double> until_;  // sums of the weights
  double total_ = 0;
};

}  // namespace atelier

// Counts of small integers that answer "how many are less" while they come and go.
#pragma once

#include <cstdint>
#include <vector>

namespace atelier {

/// Two levels of counts: adding is one step, asking a few hundred additions that the compiler makes vectors of.
class RankCounter {
 public:
  explicit RankCounter(size_t values) : counts_((values / kBlock + 1) * kBlock), blocks_(values / kBlock + 1) {}

  void add(uint32_t value) { ++counts_[value], ++blocks_[value / kBlock], ++total_; }
  void remove(uint32_t value) { --counts_[value], --blocks_[value / kBlock], --total_; }

  int64_t total() const { return total_; }
  int64_t equal(uint32_t value) const { return counts_[value]; }
  int64_t less(uint32_t value) const {
    const size_t block = value / kBlock, begin = block * kBlock;
    uint32_t sum = 0;
    for (size_t i = 0; i < block; ++i) sum += blocks_[i];
    for (size_t i = begin; i < value; ++i) sum += counts_[i];
    return sum;
  }

 private:
  static constexpr size_t kBlock = 64;
  std::vector<uint32_t> counts_, blocks_;
  int64_t total_ = 0;
};

}  // namespace atelier

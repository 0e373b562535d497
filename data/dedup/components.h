// Things that fall into groups because pairs of them belong together.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace atelier {

/// Numbers from 0 on, each group known by its least.
class Components {
 public:
  explicit Components(int64_t size) : parents_(static_cast<size_t>(size)) {
    std::iota(parents_.begin(), parents_.end(), int64_t{0});
  }

  int64_t first(int64_t i) {
    while (parents_[static_cast<size_t>(i)] != i) {
      int64_t& parent = parents_[static_cast<size_t>(i)];
      parent = parents_[static_cast<size_t>(parent)];
      i = parent;
    }
    return i;
  }

  void join(int64_t a, int64_t b) {
    a = first(a), b = first(b);
    parents_[static_cast<size_t>(std::max(a, b))] = std::min(a, b);
  }

 private:
  std::vector<int64_t> parents_;
};

}  // namespace atelier

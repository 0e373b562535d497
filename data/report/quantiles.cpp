#include "data/report/quantiles.h"

#include <algorithm>
#include <cmath>

namespace atelier {
namespace {

template <typename Number>
Quantiles nearest_ranks(std::vector<Number> values) {
  Quantiles found;
  found.count = std::ssize(values);
  auto begin = values.begin();
  for (size_t i = 0; i < Quantiles::kAt.size() && found.count > 0; ++i) {
    const double rank = std::ceil(Quantiles::kAt[i] * static_cast<double>(values.size()));
    const auto nth = values.begin() + static_cast<int64_t>(std::max(rank - 1, 0.0));
    std::nth_element(begin, nth, values.end());  // what stands before is smaller: the next rank is not there
    found.values[i] = static_cast<double>(*nth);
    begin = nth;
  }
  return found;
}

}  // namespace

Quantiles quantiles_of(std::vector<double> values) { return nearest_ranks(std::move(values)); }
Quantiles quantiles_of(std::vector<int32_t> values) { return nearest_ranks(std::move(values)); }

}  // namespace atelier

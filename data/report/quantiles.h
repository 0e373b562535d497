// Nearest-rank quantiles.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace atelier {

/// The value of rank ceil(q n), no interpolation.
struct Quantiles {
  static constexpr std::array<double, 7> kAt = {0, 0.05, 0.25, 0.5, 0.75, 0.95, 1};
  static constexpr std::array<std::string_view, 7> kKeys = {"min", "p5", "p25", "p50", "p75", "p95", "max"};
  int64_t count = 0;
  std::array<double, kAt.size()> values{};
};

Quantiles quantiles_of(std::vector<double> values);
Quantiles quantiles_of(std::vector<int32_t> values);

}  // namespace atelier

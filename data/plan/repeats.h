// Fractional repeats as exact numbers.
#pragma once

#include <compare>
#include <cstdint>

namespace atelier {

/// Repeats in units of 2^-40, rounded up: so n x r that is a whole number in decimals stays one, and floor is never
/// wrong by floating point.
class Repeats {
 public:
  static constexpr double kMaximum = 1e6;

  /// ConfigError unless 0 <= value <= kMaximum.
  explicit Repeats(double value);
  double value() const;
  uint64_t fixed() const { return fixed_; }
  auto operator<=>(const Repeats&) const = default;
  /// floor(posts x repeats x epochs), exact.
  int64_t total(int64_t posts, int64_t epochs) const;

 private:
  uint64_t fixed_;
};

}  // namespace atelier

// "max(0.3n, 10)": how many of n tags a drop level keeps.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "configs/base/random.h"

namespace atelier {

/// Numbers, n (the tags there are), rate, U (uniform in [0, 1), drawn at each place), + - * /, brackets, min(a, b,
/// ...), max(a, b, ...), floor(a), randint(a, b) (both ends included). A factor may follow another without `*`: 0.3n,
/// n(1 - rate*U).
class KeepExpression {
 public:
  /// ConfigError with the place of the mistake; `where` names the option.
  KeepExpression(std::string_view text, const std::string& where);

  /// The value rounded down, at least 0 and at most n.
  int64_t operator()(int64_t n, double rate, CounterRng& draws) const;

 private:
  friend class KeepExpressionParser;
  enum class Kind : uint8_t {
    kNumber,
    kCount,
    kRate,
    kUniform,
    kAdd,
    kSubtract,
    kMultiply,
    kDivide,
    kMin,
    kMax,
    kFloor,
    kRandint
  };
  struct Node {
    Kind kind = Kind::kNumber;
    double number = 0;
    std::vector<size_t> operands;  // of nodes_
  };

  double value(size_t node, double n, double rate, CounterRng& draws) const;

  std::vector<Node> nodes_;
  size_t root_ = 0;
};

}  // namespace atelier

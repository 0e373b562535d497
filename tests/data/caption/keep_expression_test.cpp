#include "data/caption/keep_expression.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

#include "configs/base/error.h"

namespace atelier {
namespace {

int64_t keep(const std::string& expression, int64_t n, double rate = 0) {
  CounterRng draws(7, "test", {});
  return KeepExpression(expression, "keep")(n, rate, draws);
}

TEST(KeepExpression, IsArithmeticRoundedDownWithinTheTagsThereAre) {
  EXPECT_EQ(keep("max(0.3n, 10)", 40), 12);
  EXPECT_EQ(keep("max(0.3n,10)", 20), 10);
  EXPECT_EQ(keep("max(0.4 n, 15)", 12), 12) << "never more than n";
  EXPECT_EQ(keep("min(6, n)", 4), 4);
  EXPECT_EQ(keep("0.5n", 7), 3);
  EXPECT_EQ(keep("2(n - 3)/4 + 1", 11), 5);
  EXPECT_EQ(keep("n - 2*3", 4), 0) << "never below 0";
  EXPECT_EQ(keep("n/0", 4), 4);
  EXPECT_EQ(keep("0/0", 4), 0);
  EXPECT_EQ(keep("floor(2.9) + floor(0.9)", 9), 2);
  EXPECT_EQ(keep("n(1 - rate)", 20, 0.25), 15);
  EXPECT_EQ(keep("min(9, 7, n, 8)", 20), 7);
}

/// Uniform over 1..5: chi-square with 4 degrees of freedom stays below its 0.9999 quantile, 23.5.
TEST(KeepExpression, RandintHoldsBothEndsUniformly) {
  const KeepExpression expression("randint(1, 5)", "keep");
  std::map<int64_t, int> counts;
  for (uint64_t i = 0; i < 10000; ++i) {
    CounterRng draws(7, "test", {i});
    ++counts[expression(40, 0, draws)];
  }
  ASSERT_EQ(counts.size(), 5u);
  EXPECT_EQ(counts.begin()->first, 1);
  double chi_square = 0;
  for (const auto& [value, count] : counts) chi_square += std::pow(count - 2000, 2) / 2000;
  EXPECT_LT(chi_square, 23.5);
}

/// n (1 - rate U) with n = 100 and rate = 0.5 lies in 50..100, on average at 75 - 1/2 for rounding down.
TEST(KeepExpression, UIsUniform) {
  const KeepExpression expression("n(1 - rate*U)", "keep");
  double sum = 0;
  for (uint64_t i = 0; i < 20000; ++i) {
    CounterRng draws(7, "test", {i});
    const int64_t kept = expression(100, 0.5, draws);
    ASSERT_GE(kept, 50);
    ASSERT_LE(kept, 100);
    sum += static_cast<double>(kept);
  }
  EXPECT_NEAR(sum / 20000, 74.5, 5 * 50 / std::sqrt(12 * 20000.0));
}

TEST(KeepExpression, MistakesAreToldWithTheirPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"max(0.3n", "')' is missing, at character 9"},
      {"max(3)", "at least 2 values"},
      {"randint(1)", "takes 2 values"},
      {"0.3m", "'m' is unknown"},
      {"", "ends too early"},
      {"n +", "ends too early"},
      {"3 ? n", "'?' is not expected, at character 3"},
      {"n)", "')' is not expected"},
      {"1..2", "at character 3"},
  };
  for (const auto& [expression, told] : cases) {
    try {
      KeepExpression(expression, "dataset.captions");
      ADD_FAILURE() << expression;
    } catch (const ConfigError& error) {
      EXPECT_NE(error.summary().find(told), std::string::npos) << error.summary();
      EXPECT_EQ(error.where(), "dataset.captions");
    }
  }
  EXPECT_THROW(KeepExpression(std::string(5000, '('), "keep"), ConfigError);
}

}  // namespace
}  // namespace atelier

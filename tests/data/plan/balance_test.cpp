#include "data/balance/balance.h"

#include <gtest/gtest.h>

#include <cmath>

#include "configs/base/error.h"
#include "configs/base/random.h"

namespace atelier {
namespace {

struct ClassCount {
  std::string name;
  int64_t posts;
};
using Classes = std::vector<ClassCount>;

const Classes kPosts{{"girl_only", 800}, {"boy_only", 100}, {"mixed", 60}, {"no_humans", 40}};

/// One division: its classes are the cells.
std::vector<Balance::Class> balance_classes(const Classes& classes, const BalanceOptions& options) {
  BalanceCells cells;
  cells.marginals = {{"person_class", {}, {}}};
  for (uint32_t g = 0; g < classes.size(); ++g) {
    cells.marginals[0].classes.push_back(classes[g].name);
    cells.marginals[0].class_of_cell.push_back(g);
    cells.posts.push_back(classes[g].posts);
  }
  return balance_cells(cells, options).marginals[0].classes;
}

std::vector<double> repeats(const Classes& classes, const BalanceOptions& options) {
  std::vector<double> result;
  for (const Balance::Class& each : balance_classes(classes, options)) result.push_back(each.repeats);
  return result;
}

void expect_near(const std::vector<double>& found, const std::vector<double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-12) << i;
}

TEST(Balance, OffMeansOnce) { expect_near(repeats(kPosts, {}), {1, 1, 1, 1}); }

// Worked by hand: w = t N / n with N = 1000; the rest of 0.3 in proportion 60 : 40.
TEST(Balance, TargetShares) {
  BalanceOptions options;
  options.target = {{"girl_only", 0.4}, {"boy_only", 0.3}};
  expect_near(repeats(kPosts, options), {0.5, 3, 3, 3});
  EXPECT_NEAR(balance_classes(kPosts, options)[2].wanted.value(), 0.18, 1e-12);
}

// boy_only 3 -> 2 cuts off 100 samples, mixed and no_humans 3 -> 2 another 100: 500 in the capped ones, 500 left.
TEST(Balance, WaterFillingGivesTheCutOffToTheOthers) {
  BalanceOptions options;
  options.target = {{"girl_only", 0.4}, {"boy_only", 0.3}};
  options.max_repeat = 2;
  expect_near(repeats(kPosts, options), {600.0 / 800, 2, 2, 2});
}

// First boy_only alone is capped (10 -> 4, 400 samples); 600 samples in proportion .36 : .04 : .10 of 500 -> mixed gets
// 48, no_humans 120 = 3 each, girl_only 432.
TEST(Balance, WaterFillingOfOneClass) {
  BalanceOptions options;
  options.target = {{"girl_only", 0.36}, {"boy_only", 0.5}, {"mixed", 0.04}, {"no_humans", 0.1}};
  options.max_repeat = 4;
  expect_near(repeats(kPosts, options), {432.0 / 800, 4, 48.0 / 60, 3});
}

TEST(Balance, AtACapOfOneEverythingUsedIsUsedOnce) {
  BalanceOptions options;
  options.target = {{"boy_only", 0.5}, {"mixed", 0.5}, {"girl_only", 0}, {"no_humans", 0}};
  options.max_repeat = 1;
  expect_near(repeats(kPosts, options), {0, 1, 1, 0});
}

TEST(Balance, CoverLetsNoRepeatFallBelowOne) {
  BalanceOptions options;
  options.target = {{"girl_only", 0.4}, {"boy_only", 0.3}};
  options.epoch = "cover";
  options.max_repeat = 10;
  expect_near(repeats(kPosts, options), {1, 6, 6, 6});
  options.max_repeat = 5;
  expect_near(repeats(kPosts, options), {1, 5, 5, 5});
}

TEST(Balance, OthersAreLeftOutOnRequest) {
  BalanceOptions options;
  options.target = {{"girl_only", 0.5}, {"boy_only", 0.5}};
  EXPECT_THROW(balance_classes(kPosts, options), ConfigError);
  options.others = "drop";
  expect_near(repeats(kPosts, options), {450.0 / 800, 4.5, 0, 0});
}

TEST(Balance, TemperatureOneIsNaturalAndLargeIsUniform) {
  BalanceOptions options;
  options.max_repeat = 1000;
  options.temperature = 1;
  expect_near(repeats(kPosts, options), {1, 1, 1, 1});
  options.temperature = 2;  // shares proportional to square roots
  const double sum = std::sqrt(800) + std::sqrt(100) + std::sqrt(60) + std::sqrt(40);
  EXPECT_NEAR(balance_classes(kPosts, options)[1].wanted.value(), 10 / sum, 1e-12);
  options.temperature = 1e6;
  EXPECT_NEAR(balance_classes(kPosts, options)[3].wanted.value(), 0.25, 1e-5);
}

TEST(Balance, ClassesWithoutPostsGiveTheirShareToTheOthers) {
  const Classes posts{{"girl_only", 50}, {"boy_only", 0}, {"mixed", 50}};
  BalanceOptions options;
  options.target = {{"girl_only", 0.25}, {"boy_only", 0.5}, {"mixed", 0.25}};
  expect_near(repeats(posts, options), {1, 0, 1});
}

TEST(Balance, WrongTargetsAreErrors) {
  BalanceOptions options;
  options.target = {{"girl_onyl", 0.4}};
  try {
    balance_classes(kPosts, options);
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(error.hint().find("girl_only"), std::string::npos);
    EXPECT_NE(error.where().find("dataset.balance.target"), std::string::npos);
  }
  options.target = {{"girl_only", 0.8}, {"boy_only", 0.3}};
  EXPECT_THROW(balance_classes(kPosts, options), ConfigError);
  options.target = {{"girl_only", 0.4}};
  options.temperature = 2;
  EXPECT_THROW(balance_classes(kPosts, options), ConfigError);
}

// Whatever the target: nobody above the cap; the epoch's length kept unless all are capped; classes below the cap in
// their wanted proportion.
TEST(Balance, WaterFillingHoldsForRandomTargets) {
  CounterRng rng(5, "balance test", {});
  for (int round = 0; round < 2000; ++round) {
    Classes classes;
    BalanceOptions options;
    const int64_t count = 2 + static_cast<int64_t>(rng.below(6));
    double length = 0;
    for (int64_t g = 0; g < count; ++g) {
      classes.push_back({"c" + std::to_string(g), static_cast<int64_t>(1 + rng.below(10000))});
      options.target[classes.back().name] = (0.01 + rng.uniform()) / (1.02 * static_cast<double>(count));
      length += static_cast<double>(classes.back().posts);
    }
    options.max_repeat = 1 + 5 * rng.uniform();
    const std::vector<Balance::Class> found = balance_classes(classes, options);
    double samples = 0, factor = -1;
    for (size_t g = 0; g < classes.size(); ++g) {
      ASSERT_LE(found[g].repeats, options.max_repeat * (1 + 1e-12));
      samples += found[g].repeats * static_cast<double>(classes[g].posts);
      if (found[g].repeats > options.max_repeat * (1 - 1e-12)) continue;
      const double own = found[g].repeats * static_cast<double>(classes[g].posts) / found[g].wanted.value();
      if (factor < 0) factor = own;
      ASSERT_NEAR(own, factor, 1e-9 * factor);
    }
    ASSERT_NEAR(samples, length, 1e-9 * length);  // the cap is at least 1: it cannot bind everywhere
  }
}

}  // namespace
}  // namespace atelier

#include "data/balance/rake.h"

#include <gtest/gtest.h>

#include <cmath>

#include "configs/base/random.h"
#include "data/balance/levels.h"

namespace atelier {
namespace {

// Deming and Stephan's fixed point, by hand: rows 0.5 | 0.5 and columns 0.4 | 0.6 of independent weights stay
// independent, so cell = row x column.
TEST(Rake, IndependentCellsStayIndependent) {
  const std::vector<double> weights{0.06, 0.14, 0.24, 0.56};  // (0.2 | 0.8) x (0.3 | 0.7)
  const Raked raked = rake(weights, {{{0, 0, 1, 1}, {0.5, 0.5}}, {{0, 1, 0, 1}, {0.4, 0.6}}});
  const std::vector<double> expected{0.2, 0.3, 0.2, 0.3};
  for (size_t c = 0; c < 4; ++c) EXPECT_NEAR(raked.shares[c], expected[c], 1e-9);
  EXPECT_LE(raked.error, 1e-9);
}

// What raking keeps: the odds ratio of the weights.
TEST(Rake, KeepsTheOddsRatio) {
  CounterRng rng(3, "rake test", {});
  for (int round = 0; round < 200; ++round) {
    std::vector<double> weights;
    for (int c = 0; c < 4; ++c) weights.push_back(0.05 + rng.uniform());
    const double a = 0.1 + 0.8 * rng.uniform(), b = 0.1 + 0.8 * rng.uniform();
    const Raked raked = rake(weights, {{{0, 0, 1, 1}, {a, 1 - a}}, {{0, 1, 0, 1}, {b, 1 - b}}}, 1e-12);
    const std::vector<double>& q = raked.shares;
    EXPECT_NEAR(q[0] + q[1], a, 1e-11);
    EXPECT_NEAR(q[0] + q[2], b, 1e-11);
    const double odds = weights[0] * weights[3] / (weights[1] * weights[2]);
    EXPECT_NEAR(q[0] * q[3] / (q[1] * q[2]) / odds, 1, 1e-8);
  }
}

TEST(Rake, OneMarginalIsExactAfterOneRound) {
  const Raked raked = rake({3, 1, 6}, {{{0, 0, 1}, {0.5, 0.5}}});
  EXPECT_EQ(raked.rounds, 1);
  const std::vector<double> expected{0.375, 0.125, 0.5};
  for (size_t c = 0; c < 3; ++c) EXPECT_DOUBLE_EQ(raked.shares[c], expected[c]);
}

// Class 1 of the second marginal has cells only where the first leaves nothing: unreachable, its share goes to class 0.
TEST(Rake, SaysWhatNoCellCanCarry) {
  const Raked raked = rake({1, 1}, {{{0, 1}, {1, 0}}, {{0, 1}, {0.3, 0.7}}});
  EXPECT_EQ(raked.unreachable[1], (std::vector<uint32_t>{1}));
  EXPECT_EQ(raked.shares, (std::vector<double>{1, 0}));
}

// Two cells on a diagonal: both marginals are the same shares, so different targets exclude one another.
TEST(Rake, SaysHowFarItMisses) {
  const Raked raked = rake({1, 1}, {{{0, 1}, {0.5, 0.5}}, {{0, 1}, {0.3, 0.7}}});
  EXPECT_NEAR(raked.error, 0.2, 1e-9);
  EXPECT_EQ(raked.rounds, 1000);
}

TEST(Levels, FewDifferentRepeatsAreKept) {
  const Levels levels = make_levels({0.5, 3, 0, 0.5}, {10, 5, 7, 1});
  EXPECT_EQ(levels.repeats, (std::vector<double>{0, 0.5, 3}));
  EXPECT_EQ(levels.level_of_cell, (std::vector<uint16_t>{1, 2, 0, 1}));
}

// Many: within 1 % of what was asked for, the total to rounding, 0 stays 0, few levels.
TEST(Levels, ManyDifferentRepeatsAreWithinOnePercent) {
  CounterRng rng(4, "levels test", {});
  std::vector<double> repeats{0};
  std::vector<int64_t> posts{11};
  double total = 0;
  for (int c = 0; c < 50'000; ++c) {
    repeats.push_back(std::exp(7 * rng.uniform() - 4));
    posts.push_back(1 + static_cast<int64_t>(rng.below(9)));
    total += repeats.back() * static_cast<double>(posts.back());
  }
  const Levels levels = make_levels(repeats, posts);
  EXPECT_LE(levels.repeats.size(), 720u);  // 7 / ln(1.01)
  double found = 0;
  for (size_t c = 0; c < repeats.size(); ++c) {
    const double level = levels.repeats[levels.level_of_cell[c]];
    ASSERT_LE(std::abs(level - repeats[c]), 0.01 * repeats[c]);
    found += level * static_cast<double>(posts[c]);
  }
  EXPECT_NEAR(found, total, 1e-9 * total);
}

// Raking of shares that exclude one another leaves some cells next to nothing: the others stay within 1 %.
TEST(Levels, CellsOfNextToNothingDoNotWidenTheBinsOfTheOthers) {
  std::vector<double> repeats{1e-320, 1e-300, 1e-12};
  for (int c = 0; c < 1000; ++c) repeats.push_back(1e-3 + c * 5e-3);
  const Levels levels = make_levels(repeats, std::vector<int64_t>(repeats.size(), 1));
  for (size_t c = 0; c < repeats.size(); ++c) {
    const double level = levels.repeats[levels.level_of_cell[c]];
    ASSERT_LE(std::abs(level - repeats[c]), c < 3 ? 1e-8 : 0.01 * repeats[c]) << c;
  }
}

TEST(Levels, AWideRangeHasNoMoreThanTheMost) {
  std::vector<double> repeats;
  for (int c = 0; c < 100'000; ++c) repeats.push_back(std::exp(c * 1e-3 - 50));
  const Levels levels = make_levels(repeats, std::vector<int64_t>(repeats.size(), 1));
  EXPECT_LE(levels.repeats.size(), kMaxLevels);
  EXPECT_GE(levels.repeats.size(), kMaxLevels / 2);
}

}  // namespace
}  // namespace atelier

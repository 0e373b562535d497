#include "data/caption/quality_ranks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "configs/base/error.h"
#include "configs/base/random.h"

namespace atelier {
namespace {

constexpr int64_t kDay = 86400;

/// Three ratings, few different scores, some of them unknown, some times equal; not in the order of time.
QualityColumns random_columns(size_t rows) {
  QualityColumns columns;
  CounterRng draws(11, "quality test", {});
  for (size_t i = 0; i < rows; ++i) {
    const bool unknown = draws.below(20) == 0;
    const auto score = static_cast<int32_t>(draws.below(40)) - 5;
    columns.value.push_back(unknown ? QualityColumns::kNoValue : score);
    columns.rating.push_back(static_cast<uint8_t>(draws.below(3)));
    columns.created_at.push_back(draws.below(30) == 0 ? QualityColumns::kNoTime
                                                      : static_cast<int64_t>(draws.below(400)) * kDay / 2);
  }
  return columns;
}

/// The definition, row against row.
template <typename InWindow>
std::vector<uint8_t> by_definition(const QualityColumns& columns, const QualityOptions& options, bool by_rating,
                                   InWindow&& in_window) {
  std::vector<uint8_t> words(columns.value.size(), kNoQualityWord);
  for (size_t i = 0; i < words.size(); ++i) {
    if (!in_window(i, i)) continue;
    double less = 0, equal = 0, all = 0;
    for (size_t j = 0; j < words.size(); ++j) {
      if ((by_rating && columns.rating[j] != columns.rating[i]) || !in_window(i, j)) continue;
      ++all;
      less += columns.value[j] < columns.value[i];
      equal += columns.value[j] == columns.value[i];
    }
    const double percentile = 100 * (less + equal / 2) / all;
    size_t word = 0;
    while (word < options.cuts.size() && percentile > options.cuts[word] + 1e-9) ++word;
    words[i] = static_cast<uint8_t>(word);
  }
  return words;
}

TEST(QualityRanks, AreThePercentilesAmongAllOrTheRating) {
  const QualityColumns columns = random_columns(700);
  const auto has_value = [&](size_t, size_t j) { return columns.value[j] != QualityColumns::kNoValue; };
  QualityOptions options;
  options.within = "all";
  EXPECT_EQ(quality_ranks(columns, options, ""), by_definition(columns, options, false, has_value));
  options.within = "rating";
  EXPECT_EQ(quality_ranks(columns, options, ""), by_definition(columns, options, true, has_value));
}

TEST(QualityRanks, AWindowOfDaysIsCentred) {
  const QualityColumns columns = random_columns(700);
  QualityOptions options;
  options.within = "rating_window";
  options.window = "30 days";
  const auto known = [&](size_t j) {
    return columns.value[j] != QualityColumns::kNoValue && columns.created_at[j] != QualityColumns::kNoTime;
  };
  const auto in_window = [&](size_t i, size_t j) {
    return known(i) && known(j) && std::abs(columns.created_at[i] - columns.created_at[j]) <= 15 * kDay;
  };
  const std::vector<uint8_t> words = quality_ranks(columns, options, "");
  EXPECT_EQ(words, by_definition(columns, options, true, in_window));
  options.within = "rating";
  EXPECT_NE(words, quality_ranks(columns, options, "")) << "the test would not see a window";
}

TEST(QualityRanks, AWindowOfPostsMovesInwardsAtTheEnds) {
  const QualityColumns columns = random_columns(500);
  QualityOptions options;
  options.within = "rating_window";
  options.window = "40 posts";
  // Places of each row among its rating's, by time and then by row.
  std::vector<int64_t> place(columns.value.size(), -1), last(3, 0);
  std::vector<size_t> order(columns.value.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {}, [&](size_t i) { return columns.created_at[i]; });
  for (const size_t i : order) {
    if (columns.value[i] == QualityColumns::kNoValue || columns.created_at[i] == QualityColumns::kNoTime) continue;
    place[i] = last[columns.rating[i]]++;
  }
  const auto in_window = [&](size_t i, size_t j) {
    if (place[i] < 0 || place[j] < 0) return false;
    const int64_t first = std::clamp<int64_t>(place[i] - 20, 0, last[columns.rating[i]] - 40);
    return place[j] >= first && place[j] < first + 40;
  };
  EXPECT_EQ(quality_ranks(columns, options, ""), by_definition(columns, options, true, in_window));
}

TEST(QualityRanks, NewPostsHaveNoWordAndMeasureNobody) {
  QualityColumns columns{{1, 2, 3, 100}, {0, 0, 0, 0}, {0, kDay, 2 * kDay, 50 * kDay}};
  QualityOptions options;
  options.within = "all";
  options.cuts = {50};
  options.words = {"low", "high"};
  options.skip_if_newer_than = "10 days";
  EXPECT_EQ(quality_ranks(columns, options, ""), (std::vector<uint8_t>{0, 0, 1, kNoQualityWord}));
  options.skip_if_newer_than = "1970-01-03";
  EXPECT_EQ(quality_ranks(columns, options, ""), (std::vector<uint8_t>{0, 1, kNoQualityWord, kNoQualityWord}));
}

TEST(QualityRanks, ValuesFarApartAndNoneAtAll) {
  QualityColumns columns{{2'000'000'000, -2'000'000'000, 0}, {0, 0, 0}, {}};
  QualityOptions options;
  options.within = "all";
  options.cuts = {20, 60};
  options.words = {"a", "b", "c"};
  EXPECT_EQ(quality_ranks(columns, options, ""), (std::vector<uint8_t>{2, 0, 1}));
  EXPECT_TRUE(quality_ranks({}, options, "").empty());
}

TEST(QualityRanks, WindowsAndAgesThatCannotBeReadAreToldApart) {
  QualityOptions options;
  options.within = "rating_window";
  for (const char* window : {"", "180", "days", "0 days", "180 weeks", "1 2 days", "9999999999999999999 posts"}) {
    options.window = window;
    EXPECT_THROW(quality_ranks({}, options, "quality"), ConfigError) << window;
  }
  options.window = "1 day";
  for (const char* age : {"", "2024", "2024-13-01", "2024-02-30", "2024-02-03x", "3 posts"}) {
    options.skip_if_newer_than = age;
    EXPECT_THROW(quality_ranks({}, options, "quality"), ConfigError) << age;
  }
}

/// A twin of the 8-million bench: in CI, a quarter of a million rows are far from a second even under load.
TEST(QualityRanks, AreFastWithAMovingWindow) {
  const QualityColumns columns = random_columns(250'000);
  QualityOptions options;
  options.within = "rating_window";
  const auto begin = std::chrono::steady_clock::now();
  quality_ranks(columns, options, "");
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(), 1);
}

}  // namespace
}  // namespace atelier

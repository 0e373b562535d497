#include "data/caption/quality_ranks.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "configs/base/thread_pool.h"
#include "data/caption/rank_counter.h"

namespace atelier {
namespace {

constexpr int64_t kDay = 24 * 60 * 60;
constexpr size_t kRatings = 256;

/// "180 days": 180 and "days"; nullopt for anything else.
std::optional<std::pair<int64_t, std::string>> number_and_unit(std::string_view text) {
  const std::vector<std::string_view> words = split_words(text);
  int64_t number = 0;
  if (words.size() != 2) return std::nullopt;
  const auto [end, error] = std::from_chars(words[0].data(), words[0].data() + words[0].size(), number);
  constexpr int64_t kMost = 1'000'000'000;
  if (error != std::errc() || end != words[0].data() + words[0].size() || number < 1 || number > kMost) {
    return std::nullopt;
  }
  std::string unit(words[1]);
  if (unit == "day" || unit == "post") unit += 's';
  return std::pair(number, unit);
}

struct Window {
  int64_t width = 0;  // posts, or seconds
  bool of_posts = false;
};

Window read_window(const QualityOptions& options, const std::string& where) {
  const auto given = number_and_unit(options.window);
  if (given && given->second == "posts") return {given->first, true};
  if (given && given->second == "days") return {given->first * kDay, false};
  throw ConfigError("not a window: " + options.window, where + ".window", "such as \"180 days\" or \"20000 posts\"");
}

/// Which posts have no word: those less than `days` older than the newest, or from `date` on (seconds since 1970).
struct Newest {
  int64_t days = 0;
  std::optional<int64_t> date = {};
};

Newest read_newest(const std::string& given, const std::string& where) {
  if (const auto age = number_and_unit(given); age && age->second == "days") return {age->first};
  int year = 0;
  unsigned month = 0, day = 0;
  if (std::array<char, 2> rest{}; std::sscanf(given.c_str(), "%4d-%2u-%2u%1s", &year, &month, &day, rest.data()) == 3) {
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
    if (date.ok()) return {0, std::chrono::sys_days(date).time_since_epoch().count() * kDay};
  }
  throw ConfigError("neither a date nor an age: " + given, where + ".skip_if_newer_than",
                    "such as \"2024-09-01\" or \"60 days\"");
}

/// Posts from this time on have no word.
std::optional<int64_t> newest_time(const QualityColumns& columns, const QualityOptions& options,
                                   const std::string& where) {
  if (!options.skip_if_newer_than) return std::nullopt;
  const Newest newest = read_newest(*options.skip_if_newer_than, where);
  if (newest.date) return newest.date;
  const auto last = std::ranges::max_element(columns.created_at);
  if (last == columns.created_at.end() || *last == QualityColumns::kNoTime) return std::nullopt;
  return *last - newest.days * kDay + 1;
}

/// The values as ranks 0, 1, 2 ... of the different ones, so that they can be counted in a table.
class DenseValues {
 public:
  explicit DenseValues(const std::vector<int32_t>& values) {
    constexpr int64_t kTable = 1 << 26;
    int64_t low = std::numeric_limits<int32_t>::max(), high = std::numeric_limits<int32_t>::min();
    for (const int32_t value : values) {
      if (value != QualityColumns::kNoValue) low = std::min<int64_t>(low, value), high = std::max<int64_t>(high, value);
    }
    low_ = low;
    if (low <= high && high - low < kTable) {
      table_.resize(static_cast<size_t>(high - low + 1));
      for (const int32_t value : values) {
        if (value != QualityColumns::kNoValue) table_[static_cast<size_t>(value - low)] = 1;
      }
      for (uint32_t& entry : table_) entry = entry ? count_++ : 0;
      return;
    }
    sorted_ = values;
    std::ranges::sort(sorted_);
    sorted_.erase(std::unique(sorted_.begin(), sorted_.end()), sorted_.end());
    count_ = static_cast<uint32_t>(sorted_.size());
  }

  size_t count() const { return count_; }
  uint32_t operator()(int32_t value) const {
    if (!table_.empty()) return table_[static_cast<size_t>(value - low_)];
    return static_cast<uint32_t>(std::ranges::lower_bound(sorted_, value) - sorted_.begin());
  }

 private:
  int64_t low_ = 0;
  uint32_t count_ = 0;
  std::vector<uint32_t> table_;  // rank of low_ + i
  std::vector<int32_t> sorted_;  // instead, where the values are too far apart
};

class Ranker {
 public:
  Ranker(const QualityColumns& columns, const QualityOptions& options, std::optional<Window> window)
      : columns_(columns), options_(options), window_(window), dense_(columns.value) {}

  /// Posts that are ranked among each other.
  void rank(std::vector<uint32_t>& rows, std::vector<uint8_t>& words) const {
    if (!window_) return rank_all(rows, words);
    sort_by_time(rows);
    window_->of_posts ? rank_posts(rows, words) : rank_days(rows, words);
  }

 private:
  uint32_t dense(uint32_t row) const { return dense_(columns_.value[row]); }

  uint8_t word(int64_t less, int64_t equal, int64_t total) const {
    const double percentile = 50 * static_cast<double>(2 * less + equal) / static_cast<double>(total);
    return static_cast<uint8_t>(std::ranges::lower_bound(options_.cuts, percentile) - options_.cuts.begin());
  }
  uint8_t word(const RankCounter& counter, uint32_t value) const {
    return word(counter.less(value), counter.equal(value), counter.total());
  }

  void rank_all(const std::vector<uint32_t>& rows, std::vector<uint8_t>& words) const {
    std::vector<int64_t> counts(dense_.count());
    for (const uint32_t row : rows) ++counts[dense(row)];
    std::vector<uint8_t> word_of(counts.size());
    int64_t less = 0;
    for (size_t value = 0; value < counts.size(); ++value) {
      word_of[value] = word(less, counts[value], static_cast<int64_t>(rows.size()));
      less += counts[value];
    }
    for (const uint32_t row : rows) words[row] = word_of[dense(row)];
  }

  void sort_by_time(std::vector<uint32_t>& rows) const {
    const auto time = [this](uint32_t row) { return columns_.created_at[row]; };
    if (std::ranges::is_sorted(rows, {}, time)) return;
    std::vector<std::pair<int64_t, uint32_t>> keys;  // beside each other in memory; rows break ties
    keys.reserve(rows.size());
    for (const uint32_t row : rows) keys.emplace_back(time(row), row);
    std::ranges::sort(keys);
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = keys[i].second;
  }

  void rank_posts(const std::vector<uint32_t>& rows, std::vector<uint8_t>& words) const {
    const auto size = static_cast<int64_t>(rows.size()), width = std::min(window_->width, size);
    RankCounter counter(dense_.count());
    int64_t begin = 0, end = 0;
    for (int64_t i = 0; i < size; ++i) {
      const int64_t first = std::clamp(i - width / 2, int64_t{0}, size - width);
      while (end < first + width) counter.add(dense(rows[static_cast<size_t>(end++)]));
      while (begin < first) counter.remove(dense(rows[static_cast<size_t>(begin++)]));
      const uint32_t row = rows[static_cast<size_t>(i)];
      words[row] = word(counter, dense(row));
    }
  }

  void rank_days(const std::vector<uint32_t>& rows, std::vector<uint8_t>& words) const {
    const auto& times = columns_.created_at;
    const int64_t half = window_->width / 2;
    RankCounter counter(dense_.count());
    size_t begin = 0, end = 0;
    for (const uint32_t row : rows) {
      while (end < rows.size() && times[rows[end]] <= times[row] + half) counter.add(dense(rows[end++]));
      while (times[rows[begin]] < times[row] - half) counter.remove(dense(rows[begin++]));
      words[row] = word(counter, dense(row));
    }
  }

  const QualityColumns& columns_;
  const QualityOptions& options_;
  std::optional<Window> window_;
  DenseValues dense_;
};

}  // namespace

bool needs_times(const QualityOptions& options) {
  return options.within == "rating_window" || options.skip_if_newer_than.has_value();
}

void check_times(const QualityOptions& options, const std::string& where) {
  if (options.within == "rating_window") read_window(options, where);
  if (options.skip_if_newer_than) read_newest(*options.skip_if_newer_than, where);
}

std::vector<uint8_t> quality_ranks(const QualityColumns& columns, const QualityOptions& options,
                                   const std::string& where) {
  std::optional<Window> window;
  if (options.within == "rating_window") window = read_window(options, where);
  const std::optional<int64_t> newest = newest_time(columns, options, where);
  std::array<std::vector<uint32_t>, kRatings> groups;
  for (size_t row = 0; row < columns.value.size(); ++row) {
    if (columns.value[row] == QualityColumns::kNoValue) continue;
    if (window && columns.created_at[row] == QualityColumns::kNoTime) continue;
    if (newest && columns.created_at[row] >= *newest) continue;  // nor are others measured against it
    groups[options.within == "all" ? 0 : columns.rating[row]].push_back(static_cast<uint32_t>(row));
  }
  std::vector<uint8_t> words(columns.value.size(), kNoQualityWord);
  const Ranker ranker(columns, options, window);
  parallel_for(static_cast<int64_t>(kRatings), 0,
               [&](int64_t group) { ranker.rank(groups[static_cast<size_t>(group)], words); });
  return words;
}

}  // namespace atelier

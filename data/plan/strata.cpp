#include "data/plan/strata.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/random.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr int kFractionBits = 40;

struct StratumKey {
  BucketSize size;
  Repeats repeats;

  auto operator<=>(const StratumKey&) const = default;
};

struct StratumKeyHash {
  size_t operator()(const StratumKey& key) const {
    const uint64_t size = static_cast<uint64_t>(key.size.width) << 32 | static_cast<uint32_t>(key.size.height);
    return static_cast<size_t>((size ^ key.repeats.fixed() * 0x9E3779B97F4A7C15ull) * 0xD1B54A32D192ED03ull >> 16);
  }
};

double aspect(const BucketSize& size) { return static_cast<double>(size.width) / size.height; }

int64_t area(const BucketSize& size) { return static_cast<int64_t>(size.width) * size.height; }

const BucketSize& nearest_bucket(const BucketSize& size, const std::vector<BucketSize>& candidates) {
  const auto distance = [&size](const BucketSize& other) {
    return std::pair(std::abs(aspect(other) - aspect(size)), std::abs(area(other) - area(size)));
  };
  return *std::min_element(candidates.begin(), candidates.end(),
                           [&](const BucketSize& a, const BucketSize& b) { return distance(a) < distance(b); });
}

std::vector<int64_t> count_classes(const PlanInput& input) {
  std::vector<int64_t> posts(input.group_names.size(), 0);
  for (const PlanInput::Row& row : input.rows) ++posts.at(static_cast<size_t>(row.group));
  return posts;
}

std::vector<ClassBalance> balance(const PlanInput& input, const std::vector<int64_t>& posts,
                                  const BalanceOptions& options) {
  std::vector<ClassCount> classes;
  for (size_t g = 0; g < posts.size(); ++g) classes.push_back({input.group_names[g], posts[g]});
  return balance_classes(classes, options);
}

}  // namespace

Repeats::Repeats(double value) {
  if (!(value >= 0 && value <= kMaximum)) {
    throw ConfigError(text("a picture would be repeated ", value, " times an epoch"), "dataset.sources.repeats",
                      text("repeats, balance included, may be up to ", kMaximum));
  }
  fixed_ = static_cast<uint64_t>(std::ceil(std::ldexp(value, kFractionBits)));
}

double Repeats::value() const { return std::ldexp(static_cast<double>(fixed_), -kFractionBits); }

int64_t Repeats::total(int64_t posts, int64_t epochs) const {
  const Wide product = Wide{fixed_} * static_cast<uint64_t>(posts) * static_cast<uint64_t>(epochs);
  return static_cast<int64_t>(product >> kFractionBits);
}

Stratum::Use Stratum::use(int64_t before, int64_t index) const {
  const int64_t rank = posts - 1 - (before + index) % posts;
  const KeyedPermutation post_of_rank(static_cast<uint64_t>(posts), rank_key);
  return {begin + static_cast<int64_t>(post_of_rank(static_cast<uint64_t>(rank))), index / posts};
}

/// The rows' (bucket, repeats), each different one numbered.
struct Strata::NumberedRows {
  std::vector<StratumKey> keys;
  std::vector<int64_t> posts;
  std::vector<uint32_t> number_of_row;

  NumberedRows(const PlanInput& input, const std::vector<ClassBalance>& classes, const BucketOptions& options) {
    std::vector<Repeats> repeats;  // class by class, source by source
    for (const ClassBalance& each : classes) {
      for (double source : input.source_repeats) repeats.emplace_back(each.repeats * source);
    }
    const BucketAssigner assign(options);
    std::unordered_map<StratumKey, uint32_t, StratumKeyHash> numbers;
    number_of_row.reserve(input.rows.size());
    for (const PlanInput::Row& row : input.rows) {
      const size_t combination =
          static_cast<size_t>(row.group) * input.source_repeats.size() + static_cast<size_t>(row.source);
      const StratumKey key{assign(row.width, row.height), repeats.at(combination)};
      const auto [found, is_new] = numbers.try_emplace(key, static_cast<uint32_t>(keys.size()));
      if (is_new) keys.push_back(key), posts.push_back(0);
      ++posts[found->second];
      number_of_row.push_back(found->second);
    }
  }

  bool is_used(size_t number) const { return keys[number].repeats.fixed() > 0; }

  void merge_small_buckets(int64_t least) {
    std::map<BucketSize, double> samples;
    for (size_t i = 0; i < keys.size(); ++i) {
      if (is_used(i)) samples[keys[i].size] += keys[i].repeats.value() * static_cast<double>(posts[i]);
    }
    if (samples.empty()) return;
    std::vector<BucketSize> kept;
    for (const auto& [size, count] : samples) {
      if (count >= static_cast<double>(least)) kept.push_back(size);
    }
    if (kept.empty()) {
      const auto fewer = [](const auto& a, const auto& b) { return a.second < b.second; };
      kept.push_back(std::max_element(samples.begin(), samples.end(), fewer)->first);
    }
    for (StratumKey& key : keys) key.size = nearest_bucket(key.size, kept);
  }
};

Strata::Strata(PlanInput input, const BalanceOptions& balance_options, const BucketOptions& bucket_options,
               int64_t merge_below, uint64_t seed)
    : input_(std::move(input)),
      class_posts_(count_classes(input_)),
      classes_(balance(input_, class_posts_, balance_options)) {
  NumberedRows numbered(input_, classes_, bucket_options);
  if (merge_below > 0) numbered.merge_small_buckets(merge_below);
  sort_rows(numbered, lay_out(numbered, seed));
}

std::vector<int64_t> Strata::lay_out(const NumberedRows& numbered, uint64_t seed) {
  std::map<StratumKey, std::vector<size_t>> numbers_of;  // several numbers where buckets have merged
  for (size_t i = 0; i < numbered.keys.size(); ++i) {
    if (numbered.is_used(i)) numbers_of[numbered.keys[i]].push_back(i);
  }
  std::vector<int64_t> stratum_of_number(numbered.keys.size(), -1);
  int64_t begin = 0;
  for (const auto& [key, numbers] : numbers_of) {
    const auto index = static_cast<int64_t>(strata_.size());
    int64_t posts = 0;
    for (size_t number : numbers) {
      posts += numbered.posts[number];
      stratum_of_number[number] = index;
    }
    if (buckets_.empty() || buckets_.back().size != key.size) buckets_.push_back({key.size, index, index});
    Bucket& bucket = buckets_.back();
    bucket.end_stratum = index + 1;
    bucket.posts += posts;
    bucket.samples_per_epoch += key.repeats.value() * static_cast<double>(posts);
    const uint64_t rank_key = random_key(
        seed, "plan rank",
        {static_cast<uint64_t>(key.size.width), static_cast<uint64_t>(key.size.height), key.repeats.fixed()});
    strata_.push_back({key.repeats, rank_key, begin, posts});
    begin += posts;
  }
  order_.resize(static_cast<size_t>(begin));
  return stratum_of_number;
}

void Strata::sort_rows(const NumberedRows& numbered, const std::vector<int64_t>& stratum_of_number) {
  std::vector<size_t> next;
  for (const Stratum& stratum : strata_) next.push_back(static_cast<size_t>(stratum.begin));
  for (size_t row = 0; row < numbered.number_of_row.size(); ++row) {
    const int64_t stratum = stratum_of_number[numbered.number_of_row[row]];
    if (stratum >= 0) order_[next[static_cast<size_t>(stratum)]++] = static_cast<uint32_t>(row);
  }
}

double Strata::samples_per_epoch() const {
  double samples = 0;
  for (const Bucket& bucket : buckets_) samples += bucket.samples_per_epoch;
  return samples;
}

int64_t Strata::samples_before(int64_t bucket, int64_t epoch) const {
  const Bucket& own = buckets_[static_cast<size_t>(bucket)];
  int64_t samples = 0;
  for (int64_t i = own.first_stratum; i < own.end_stratum; ++i) {
    samples += strata_[static_cast<size_t>(i)].uses_before(epoch);
  }
  return samples;
}

}  // namespace atelier

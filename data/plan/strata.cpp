#include "data/plan/strata.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <span>
#include <utility>

#include "configs/base/random.h"
#include "data/plan/numbering.h"
#include "data/plan/row_repeats.h"

namespace atelier {
namespace {

constexpr uint32_t kNoStratum = UINT32_MAX;

struct StratumKey {
  BucketSize size;
  Repeats repeats;

  auto operator<=>(const StratumKey&) const = default;
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

/// Repeats of each kind of row at one resolution: the different ones, ascending, and each kind's index among them.
struct RepeatsOfKinds {
  std::vector<Repeats> distinct;
  std::vector<uint32_t> of_kind;

  RepeatsOfKinds(const std::vector<double>& uses, double resolution_repeats) {
    std::vector<Repeats> all;
    for (double each : uses) all.emplace_back(each * resolution_repeats);
    distinct = all;
    std::sort(distinct.begin(), distinct.end());
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    for (const Repeats& each : all) {
      const auto found = std::lower_bound(distinct.begin(), distinct.end(), each);
      of_kind.push_back(static_cast<uint32_t>(found - distinct.begin()));
    }
  }
};

/// (bucket, repeats) of a row as one number: 16 bits a side (at most 8192 px), 32 for the repeats' index.
uint64_t pack(const BucketSize& size, uint32_t repeats) {
  return static_cast<uint64_t>(size.width) << 48 | static_cast<uint64_t>(size.height) << 32 | repeats;
}

constexpr uint64_t kLeftOut = 0;  // a row that is not used: no bucket has a side of 0

}  // namespace

Stratum::Use Stratum::use(int64_t before, int64_t index) const {
  const int64_t rank = posts - 1 - (before + index) % posts;
  const KeyedPermutation post_of_rank(static_cast<uint64_t>(posts), rank_key);
  return {begin + static_cast<int64_t>(post_of_rank(static_cast<uint64_t>(rank))), index / posts};
}

/// The rows' (bucket, repeats) at one resolution, each different one numbered.
class Strata::RowsOfResolution {
 public:
  std::vector<StratumKey> keys;
  std::vector<bool> used;
  std::vector<int64_t> posts;
  std::vector<uint32_t> number_of_row;
  int64_t upscaled_out = 0, cropped_out = 0;

  RowsOfResolution(const PlanInput& input, const RowRepeats& row_repeats, const Resolution& resolution)
      : input_(input), assign_(resolution.options) {
    const RepeatsOfKinds repeats(row_repeats.uses_of_kinds(), resolution.repeats);
    std::atomic<int64_t> upscaled{0}, cropped{0};
    Numbering numbering = number_rows(input.size(), [&](int64_t begin, std::span<uint64_t> row_keys) {
      int64_t out[3] = {};
      for (size_t i = 0; i < row_keys.size(); ++i) {
        const size_t row = static_cast<size_t>(begin) + i;
        const BucketSize size = assign_(input.widths[row], input.heights[row]);
        const BucketFit fit = fit_of(row, size);
        ++out[static_cast<size_t>(fit)];
        const uint32_t kind = row_repeats.kind(static_cast<int64_t>(row));
        row_keys[i] = fit == BucketFit::kFits ? pack(size, repeats.of_kind[kind]) : kLeftOut;
      }
      upscaled += out[static_cast<size_t>(BucketFit::kUpscaled)];
      cropped += out[static_cast<size_t>(BucketFit::kCropped)];
    });
    upscaled_out = upscaled, cropped_out = cropped;
    for (uint64_t key : numbering.keys) {
      const BucketSize size{static_cast<int32_t>(key >> 48), static_cast<int32_t>(key >> 32 & 0xFFFF)};
      keys.push_back({size, repeats.distinct[static_cast<uint32_t>(key)]});
      used.push_back(key != kLeftOut && keys.back().repeats.fixed() > 0);
    }
    number_of_row = std::move(numbering.number_of_row);
    count_posts();
  }

  /// A picture that max_upscale or max_crop_loss keep from the bucket it would come to stays where it is.
  void merge_small_buckets(int64_t least) {
    const std::vector<BucketSize> kept = buckets_of(least);
    std::vector<uint32_t> merged(keys.size());
    for (uint32_t i = 0; i < merged.size(); ++i) {
      const BucketSize size = used[i] ? nearest_bucket(keys[i].size, kept) : keys[i].size;
      merged[i] = size == keys[i].size ? i : static_cast<uint32_t>(keys.size());
      if (merged[i] == i) continue;
      keys.push_back({size, keys[i].repeats});
      used.push_back(true);
    }
    for_row_parts(input_.size(), [&](int64_t begin, int64_t end) {
      for (auto row = static_cast<size_t>(begin); row < static_cast<size_t>(end); ++row) {
        uint32_t& number = number_of_row[row];
        const uint32_t to = merged[number];
        if (to != number && fit_of(row, keys[to].size) == BucketFit::kFits) number = to;
      }
    });
    count_posts();
    for (size_t i = 0; i < keys.size(); ++i) used[i] = used[i] && posts[i] > 0;
  }

 private:
  BucketFit fit_of(size_t row, const BucketSize& size) const {
    return assign_.fit(input_.widths[row], input_.heights[row], size);
  }

  void count_posts() {
    posts.assign(keys.size(), 0);
    for (uint32_t number : number_of_row) ++posts[number];
  }

  /// Those of at least so many samples an epoch; if there is none, the fullest, if any is used.
  std::vector<BucketSize> buckets_of(int64_t least) const {
    std::map<BucketSize, double> samples;
    for (size_t i = 0; i < keys.size(); ++i) {
      if (used[i]) samples[keys[i].size] += keys[i].repeats.value() * static_cast<double>(posts[i]);
    }
    std::vector<BucketSize> kept;
    for (const auto& [size, count] : samples) {
      if (count >= static_cast<double>(least)) kept.push_back(size);
    }
    if (kept.empty() && !samples.empty()) {
      const auto fewer = [](const auto& a, const auto& b) { return a.second < b.second; };
      kept.push_back(std::max_element(samples.begin(), samples.end(), fewer)->first);
    }
    return kept;
  }

  const PlanInput& input_;
  const BucketAssigner assign_;
};

Strata::Strata(PlanInput input, const BalanceOptions& balance_options, const BucketOptions& bucket_options,
               int64_t merge_below, uint64_t seed)
    : input_(std::move(input)) {
  const RowRepeats repeats(input_, balance_options);
  balance_ = repeats.balance();
  for (const Resolution& resolution : expand_resolutions(bucket_options)) {
    RowsOfResolution rows(input_, repeats, resolution);
    if (merge_below > 0) rows.merge_small_buckets(merge_below);
    const auto side = static_cast<int32_t>(resolution.options.resolution);
    resolutions_.push_back({side, resolution.repeats, rows.upscaled_out, rows.cropped_out});
    add(rows, static_cast<int32_t>(resolutions_.size()) - 1, seed);
  }
  if (repeats.weighted()) set_loss_weights(repeats);
}

/// Makes the buckets and strata of one resolution and sorts its rows into them.
void Strata::add(const RowsOfResolution& rows, int32_t resolution, uint64_t seed) {
  std::map<StratumKey, std::vector<size_t>> numbers_of;  // several numbers where buckets have merged
  for (size_t i = 0; i < rows.keys.size(); ++i) {
    if (rows.used[i]) numbers_of[rows.keys[i]].push_back(i);
  }
  std::vector<uint32_t> stratum_of_number(rows.keys.size(), kNoStratum);
  const auto first_bucket = static_cast<int64_t>(buckets_.size());
  auto begin = static_cast<int64_t>(order_.size());
  for (const auto& [key, numbers] : numbers_of) {
    const auto index = static_cast<int64_t>(strata_.size());
    int64_t posts = 0;
    for (size_t number : numbers) {
      posts += rows.posts[number];
      stratum_of_number[number] = static_cast<uint32_t>(index);
    }
    if (std::ssize(buckets_) == first_bucket || buckets_.back().size != key.size) {
      buckets_.push_back({resolution, key.size, index, index});
    }
    Bucket& bucket = buckets_.back();
    bucket.end_stratum = index + 1;
    bucket.posts += posts;
    bucket.samples_per_epoch += key.repeats.value() * static_cast<double>(posts);
    const uint64_t rank_key = random_key(seed, "plan rank",
                                         {static_cast<uint64_t>(key.size.width), static_cast<uint64_t>(key.size.height),
                                          key.repeats.fixed(), static_cast<uint64_t>(resolution)});
    strata_.push_back({key.repeats, rank_key, begin, posts});
    begin += posts;
  }
  order_.resize(static_cast<size_t>(begin));
  std::vector<size_t> next;  // free place, by stratum
  for (const Stratum& stratum : strata_) next.push_back(static_cast<size_t>(stratum.begin));
  for (size_t row = 0; row < rows.number_of_row.size(); ++row) {
    const uint32_t stratum = stratum_of_number[rows.number_of_row[row]];
    if (stratum != kNoStratum) order_[next[stratum]++] = static_cast<uint32_t>(row);
  }
}

/// Scales the kinds' weights so that their mean over the balanced samples of an epoch is 1.
void Strata::set_loss_weights(const RowRepeats& repeats) {
  double samples = 0, weighted = 0;
  for (const Stratum& stratum : strata_) {
    for (int64_t entry = stratum.begin; entry < stratum.begin + stratum.posts; ++entry) {
      const uint32_t row = order_[static_cast<size_t>(entry)];
      if (input_.is_reg(row)) continue;
      samples += stratum.repeats.value();
      weighted += stratum.repeats.value() * repeats.weight(row);
    }
  }
  for (size_t kind = 0; kind < repeats.weights_of_kinds().size(); ++kind) {
    const bool is_reg = input_.sources[kind % input_.sources.size()].is_reg;
    const double weight = repeats.weights_of_kinds()[kind];
    loss_weights_.push_back(static_cast<float>(is_reg || weighted <= 0 ? 1 : weight * samples / weighted));
  }
  for (int64_t row = 0; row < input_.size(); ++row) kind_of_row_.push_back(repeats.kind(row));
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

// The rows of a plan by bucket and repeats, and the exact arithmetic of fractional repeats.
//
// In a stratum (bucket x repeats r) of n posts the post of keyed rank k is used
//   floor((e + 1) r + k / n) - floor(e r + k / n)
// times in epoch e. Summed over k this is floor(n r (e + 1)) - floor(n r e) (Hermite's identity), and the k-th post's
// count goes up exactly when floor(n x) passes a number that is -k modulo n: use number v of the stratum (from 0) is rank
// n - 1 - v mod n, so the posts simply take turns.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/bucket/bucket.h"
#include "data/options/balance_options.h"

namespace atelier {

/// The usable pictures.
struct PlanInput {
  struct Row {
    int64_t row = 0;                // of the manifest
    int32_t width = 0, height = 0;  // px, after EXIF orientation
    int32_t group = 0;              // balance class: an index into group_names
    int32_t source = 0;             // an index into source_repeats
  };
  std::vector<Row> rows;
  std::vector<std::string> group_names;
  std::vector<double> source_repeats = {1};  // multiply the repeats that balance gives
};

/// Repeats in 2^-40, rounded up: n posts x r that is a whole number in decimals stays one, and floor is never wrong by
/// floating point.
class Repeats {
 public:
  /// ConfigError unless 0 <= value <= 4096.
  explicit Repeats(double value);
  double value() const;
  uint64_t fixed() const { return fixed_; }
  /// floor(n x repeats x epochs), exact.
  int64_t total(int64_t n, int64_t epochs) const;

 private:
  uint64_t fixed_;
};

/// The posts of one bucket that are repeated equally often: entries [begin, begin + size) of Strata::order().
struct Stratum {
  int64_t begin = 0, size = 0;
  Repeats repeats{0};
  uint64_t rank_key = 0;

  /// Uses of all its posts in epochs 0 .. epoch - 1.
  int64_t uses_before(int64_t epoch) const { return repeats.total(size, epoch); }
};

class Strata {
 public:
  struct Bucket {
    BucketSize size;
    int64_t first_stratum = 0, end_stratum = 0;
    int64_t posts = 0;
    double samples_per_epoch = 0;  // on average
  };

  /// Balances, assigns buckets and sorts the rows. `merge_below` > 0: pictures of buckets with fewer samples an epoch
  /// join the bucket of the nearest aspect that has enough.
  Strata(PlanInput input, const BalanceOptions& balance, const BucketOptions& buckets, int64_t merge_below,
         uint64_t seed);

  const PlanInput& input() const { return input_; }
  const std::vector<Bucket>& buckets() const { return buckets_; }
  const std::vector<Stratum>& strata() const { return strata_; }
  /// Input rows, stratum by stratum.
  const std::vector<uint32_t>& order() const { return order_; }
  /// Of one post of each class an epoch, before the source's repeats.
  const std::vector<double>& group_repeats() const { return group_repeats_; }

  /// Samples of a bucket in epochs 0 .. epoch - 1.
  int64_t samples_before(int64_t bucket, int64_t epoch) const;

 private:
  PlanInput input_;
  std::vector<double> group_repeats_;
  std::vector<Bucket> buckets_;    // by size
  std::vector<Stratum> strata_;    // by bucket
  std::vector<uint32_t> order_;
};

}  // namespace atelier

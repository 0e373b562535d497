// The rows of a plan by bucket and repeats, and the exact arithmetic of fractional repeats.
//
// In a stratum (bucket x repeats r) of n posts the post of keyed rank k is used
//   floor((e + 1) r + k / n) - floor(e r + k / n)
// times in epoch e. Summed over k this is floor(n r (e + 1)) - floor(n r e) (Hermite's identity), and rank k's count
// goes up exactly where floor(n x) passes a number that is -k modulo n: use number v of the stratum (from 0, over all
// epochs) falls on rank n - 1 - v mod n. The posts simply take turns.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "data/balance/balance.h"
#include "data/bucket/bucket.h"

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

/// The posts of one bucket that are repeated equally often: entries [begin, begin + posts) of Strata::order().
struct Stratum {
  /// One use of a post in an epoch.
  struct Use {
    int64_t entry;   // of Strata::order()
    int64_t repeat;  // 0, 1 ... of this post in this epoch
  };

  Repeats repeats;
  uint64_t rank_key = 0;  // of the permutation rank -> post
  int64_t begin = 0, posts = 0;

  /// Uses of all its posts in epochs 0 .. epoch - 1.
  int64_t uses_before(int64_t epoch) const { return repeats.total(posts, epoch); }
  /// The `index`-th use in an epoch before which there were `before`. REQUIRES posts > 0.
  Use use(int64_t before, int64_t index) const;
};

/// What a plan draws from.
class Strata {
 public:
  struct Bucket {
    BucketSize size;
    int64_t first_stratum = 0, end_stratum = 0;
    int64_t posts = 0;             // with repeats above 0
    double samples_per_epoch = 0;  // on average
  };

  /// Balances, assigns buckets and sorts the rows. With `merge_below` > 0 the pictures of buckets of fewer samples an
  /// epoch join the bucket of the nearest aspect that has enough (the fullest, when none has).
  Strata(PlanInput input, const BalanceOptions& balance, const BucketOptions& buckets, int64_t merge_below,
         uint64_t seed);

  const PlanInput& input() const { return input_; }
  /// What balance gives, class by class.
  const std::vector<ClassBalance>& classes() const { return classes_; }
  const std::vector<int64_t>& class_posts() const { return class_posts_; }
  /// Those in use, by size.
  const std::vector<Bucket>& buckets() const { return buckets_; }
  /// By bucket, within a bucket by repeats.
  const std::vector<Stratum>& strata() const { return strata_; }
  /// Input rows (indices), stratum by stratum; rows with repeats 0 are absent.
  const std::vector<uint32_t>& order() const { return order_; }

  double samples_per_epoch() const;
  /// Samples of a bucket in epochs 0 .. epoch - 1.
  int64_t samples_before(int64_t bucket, int64_t epoch) const;

 private:
  struct NumberedRows;

  /// Makes the buckets and strata; the stratum of each number, -1 for those never used.
  std::vector<int64_t> lay_out(const NumberedRows& numbered, uint64_t seed);
  void sort_rows(const NumberedRows& numbered, const std::vector<int64_t>& stratum_of_number);

  PlanInput input_;
  std::vector<int64_t> class_posts_;
  std::vector<ClassBalance> classes_;
  std::vector<Bucket> buckets_;
  std::vector<Stratum> strata_;
  std::vector<uint32_t> order_;
};

}  // namespace atelier

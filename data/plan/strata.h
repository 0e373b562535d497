// The rows of a plan by bucket and repeats, and the exact arithmetic of fractional repeats.
//
// In a stratum (bucket x repeats r) of n posts the post of keyed rank k is used
//   floor((e + 1) r + k / n) - floor(e r + k / n)
// times in epoch e. Summed over k this is floor(n r (e + 1)) - floor(n r e) (Hermite's identity), and rank k's count
// goes up exactly where floor(n x) passes a number that is -k modulo n: use number v of the stratum (from 0, over all
// epochs) falls on rank n - 1 - v mod n. The posts simply take turns.
#pragma once

#include <cstdint>
#include <vector>

#include "data/balance/balance.h"
#include "data/bucket/bucket.h"
#include "data/plan/plan_input.h"
#include "data/plan/repeats.h"

namespace atelier {

class RowRepeats;

/// The posts of one bucket that are repeated equally often: entries [begin, begin + posts) of Strata::order().
struct Stratum {
  /// One use of a post in an epoch.
  struct Use {
    int64_t entry;   // of Strata::order()
    int64_t repeat;  // 0, 1 ... of this post in this epoch, at this resolution
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
    int32_t resolution = 0;  // index into resolutions()
    BucketSize size;
    int64_t first_stratum = 0, end_stratum = 0;
    int64_t posts = 0;             // with repeats above 0
    double samples_per_epoch = 0;  // on average
  };
  struct ResolutionUse {
    int32_t resolution = 0;  // px
    double repeats = 1;
    int64_t upscaled_out = 0, cropped_out = 0;  // rows that max_upscale, max_crop_loss keep from it
  };

  /// Balances, assigns buckets and sorts the rows. With `merge_below` > 0 the pictures of buckets of fewer samples an
  /// epoch join the bucket of the nearest aspect at the same resolution that has enough (the fullest, when none has),
  /// but for those that max_upscale or max_crop_loss keep from it.
  /// ConfigError: options that contradict each other.
  Strata(PlanInput input, const BalanceOptions& balance, const BucketOptions& buckets, int64_t merge_below,
         uint64_t seed);

  const PlanInput& input() const { return input_; }
  /// What balance gives, division by division and class by class.
  const Balance& balance() const { return balance_; }
  /// What the loss of a sample of input row `row` is multiplied by: 1 unless balance is applied as loss weights. Its
  /// mean over the samples of an epoch that are balanced is 1.
  double loss_weight(int64_t row) const {
    return loss_weights_.empty() ? 1 : loss_weights_[kind_of_row_[static_cast<size_t>(row)]];
  }
  bool has_loss_weights() const { return !loss_weights_.empty(); }

  const std::vector<ResolutionUse>& resolutions() const { return resolutions_; }
  /// Those in use, by resolution and size.
  const std::vector<Bucket>& buckets() const { return buckets_; }
  /// By bucket, within a bucket by repeats.
  const std::vector<Stratum>& strata() const { return strata_; }
  /// Input rows (indices), stratum by stratum, each once a resolution; those with repeats 0 are absent.
  const std::vector<uint32_t>& order() const { return order_; }

  double samples_per_epoch() const;
  /// Samples of a bucket in epochs 0 .. epoch - 1.
  int64_t samples_before(int64_t bucket, int64_t epoch) const;

 private:
  class RowsOfResolution;

  void add(const RowsOfResolution& rows, int32_t resolution, uint64_t seed);
  void set_loss_weights(const RowRepeats& repeats);

  PlanInput input_;
  Balance balance_;
  std::vector<float> loss_weights_;    // by kind; empty: all 1
  std::vector<uint32_t> kind_of_row_;  // only with loss weights
  std::vector<ResolutionUse> resolutions_;
  std::vector<Bucket> buckets_;
  std::vector<Stratum> strata_;
  std::vector<uint32_t> order_;
};

}  // namespace atelier

// Which sizes pictures are trained at, and which one a picture gets (sd-scripts' rules).
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "data/options/bucket_options.h"

namespace atelier {

/// In pixels.
struct BucketSize {
  int32_t width = 0, height = 0;

  auto operator<=>(const BucketSize&) const = default;
};

/// One of the resolutions of a run: its repeats, and the options as if it were the only one.
struct Resolution {
  BucketOptions options;
  double repeats = 1;
};

/// `resolutions` in their order, or `resolution` alone. min_bucket_reso and max_bucket_reso of those that do not say
/// theirs are in proportion: those of 1024 are 512 and 2048, so those of 1536 are 768 and 3072. ConfigError: a
/// resolution twice; `resolutions` together with predefined_buckets.
std::vector<Resolution> expand_resolutions(const BucketOptions& options);

/// The bucket sizes of the options, which name one resolution, ascending: for each width from min_bucket_reso to
/// max_bucket_reso the largest height that keeps width x height within resolution^2, both turned ways, and the square.
/// As sd-scripts, min_bucket_reso is rounded down and max_bucket_reso up to a multiple of bucket_reso_steps. With
/// predefined_buckets: those. Without enable_bucket: the square alone. ConfigError when no bucket is possible.
std::vector<BucketSize> make_buckets(const BucketOptions& options);

/// ConfigError unless every side is a multiple of `divisor`, what the model divides sides by: 8 x 2^(levels - 1) for a
/// UNet behind an 8x autoencoder.
void check_bucket_divisor(const BucketOptions& options, int64_t divisor);

/// Whether a picture is used in its bucket.
enum class BucketFit : uint8_t { kFits, kUpscaled, kCropped };  // leaves: beyond max_upscale, max_crop_loss

/// Gives pictures their buckets at one resolution.
class BucketAssigner {
 public:
  explicit BucketAssigner(const BucketOptions& options);

  /// The bucket of exactly the picture's size, else the one of least |width/height - W/H| (the first of equals). With
  /// bucket_no_upscale a picture that would have to be enlarged gets a bucket of its own size instead, no side longer
  /// than the bucket's, floored to the step (at least one step). REQUIRES width, height > 0.
  BucketSize operator()(int32_t width, int32_t height) const;

  /// Whether max_upscale and max_crop_loss let the picture into `bucket`.
  BucketFit fit(int32_t width, int32_t height, const BucketSize& bucket) const;

 private:
  struct Aspect {
    double ratio;  // width / height
    size_t index;  // into sizes_, the first of this ratio
  };

  const BucketSize& nearest(double ratio) const;

  std::vector<BucketSize> sizes_;  // ascending
  std::vector<Aspect> aspects_;    // ascending, each ratio once
  int32_t step_;
  bool no_upscale_;
  std::optional<double> max_upscale_, max_crop_loss_;
};

}  // namespace atelier

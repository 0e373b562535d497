// The pixels and masks of one use of a manifest's row: which part of the picture it shows, and reading it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "data/image/decode.h"
#include "data/plan/plan.h"

namespace atelier {

class Dataset;

/// Thread-safe.
class PictureReader {
 public:
  /// `dataset` must outlive it.
  explicit PictureReader(const Dataset& dataset);
  ~PictureReader();

  /// True if any source has masks: then all samples have one.
  bool has_masks() const;

  /// What a use of a row shows in a bucket of width x height: the smallest resize that covers it, cropped at the
  /// centre, or anywhere with `random_crop`; mirrored or not with `flip_aug`. A function of the run's seed, the row's
  /// id, the sample's epoch and repeat.
  Placement placement(const PlannedSample& sample, int32_t width, int32_t height) const;

  struct Wanted {
    std::span<uint8_t> rgb;   // [height, width, 3]; empty: not wanted
    std::span<uint8_t> mask;  // [height, width], 255: counts fully; empty: not wanted
  };
  /// Reads what is wanted of the row. A mask is the picture of the same name in the source's mask_dir (its grey value
  /// is the weight), else the picture's alpha with `alpha_mask`, else 255 everywhere. Returns false if the source has a
  /// mask_dir, but no mask for this picture. Errors: DataError for a picture or mask that cannot be used, with its
  /// reason.
  bool read(int64_t row, const Placement& placement, const Wanted& wanted) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Where the crop lies in what is seen: of a mirrored picture its left edge counts from the mirrored left.
int32_t seen_crop_left(const Placement& placement);

}  // namespace atelier

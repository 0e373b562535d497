// The plan's steps as decoded pictures and captions, read ahead by a pool of workers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/options/batching_options.h"

namespace atelier {

class Dataset;

struct LoadedSample {
  int64_t row = 0;                // of the manifest
  int64_t epoch = 0, repeat = 0;  // those the sample belongs to, not those it is emitted in
  std::string id, caption;
  /// Of the loss: what balance and, for a regularisation picture, prior_loss_weight say. Where it is 0 the pixels are
  /// black.
  float weight = 1;
  /// Whether it is one of the samples that a step's loss is the mean of; false: padding of a short batch, or a picture
  /// that could not be decoded. Its weight is 0.
  bool counts = true;
  int32_t original_width = 0, original_height = 0;  // px, upright, before any resize
  int32_t crop_top = 0, crop_left = 0;              // px of the resized (and mirrored) picture, the crop really taken
  bool flipped = false;                             // mirrored left to right
  bool is_reg = false;                              // of a source with is_reg
  bool is_cached = false;                           // its pixels were not asked for and are black
  int32_t person_class = 0;                         // PersonClass
};

/// Pictures of one size.
struct LoadedBatch {
  int32_t width = 0, height = 0;  // px
  std::vector<LoadedSample> samples;
  std::vector<uint8_t> pixels;   // [n, H, W, 3] sRGB; empty: all samples are cached
  std::vector<uint8_t> masks{};  // [n, H, W], 255: the pixel counts fully; empty: all do, there are no masks
};

struct LoadedStep {
  int64_t step = 0, epoch = 0;
  int64_t global_samples = 0;              // of all ranks, without padding
  std::vector<LoadedBatch> micro_batches;  // this rank's
};

/// Steps first_step .. total_steps of the plan, in its order whatever the number of threads. As far ahead as the
/// loader's options allow, pictures are decoded while the trainer computes. A picture that cannot be decoded gets
/// weight 0, is logged once with its reason, and counted.
class BatchLoader {
 public:
  /// True if the trainer has what it needs of a sample in a batch of this size, so that its pixels are not read (its
  /// mask still is). Asked once a sample, when its step is begun, on the thread that calls next(); the sample is
  /// complete but for its caption.
  using IsCached = std::function<bool(const LoadedSample& sample, int32_t width, int32_t height)>;

  /// `dataset` must outlive the loader. `first_step` counts from 1. Without `is_cached` all pixels are read.
  BatchLoader(const Dataset& dataset, const BatchingOptions& batching, int64_t rank, int64_t world_size,
              int64_t first_step, IsCached is_cached = {});
  /// Stops the workers after the picture each has in hand.
  ~BatchLoader();
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  /// The next step; nullopt after the last. Errors: DataError when more pictures than `max_bad_samples` were bad.
  /// Signals do not end the wait: all ranks stop together, at the end of a step.
  std::optional<LoadedStep> next();

  /// Seconds that next() has waited for pictures, since the start.
  double wait_seconds() const;
  /// Different pictures found bad by this rank, since the start.
  int64_t bad_samples() const;
  /// Different pictures without a mask, though their source has a mask_dir: they count fully.
  int64_t samples_without_mask() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace atelier

// The captions of a manifest's rows: what training sees and `dataset captions` shows.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "data/caption/caption.h"
#include "data/manifest/manifest.h"
#include "data/options/dataset_options.h"

namespace atelier {

/// Thread-safe. Each source has its own policy: its `captions`, or else the dataset's.
class SampleCaptions {
 public:
  /// `manifest` must outlive it. `total_steps` of the run, for token_warmup_step. ConfigError for options that
  /// contradict each other, or a dictionary that cannot be read.
  SampleCaptions(const Manifest& manifest, const DatasetOptions& options, uint64_t seed, int64_t total_steps);
  ~SampleCaptions();

  /// `epoch` and `repeat` are the sample's own (data/plan/plan.h); `step` counts the optimizer steps before it. The
  /// first call ranks the posts where captions tell their quality: under a second for ten million.
  Caption caption(int64_t row, int64_t epoch, int64_t repeat, int64_t step) const;

  /// Of the row's source.
  const CaptionPolicy& policy(int64_t row) const;
  /// The word for the row's rank; empty: none. Ranks the posts as caption() does.
  std::string_view quality(int64_t row) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace atelier

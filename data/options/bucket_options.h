// `dataset.buckets`: the sizes pictures are trained at (names and rules of sd-scripts).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "configs/schema/field.h"

namespace atelier {

/// One of several resolutions of a run.
struct ResolutionOptions {
  int64_t resolution = 1024;
  double repeats = 1;
  std::optional<int64_t> min_bucket_reso = {};
  std::optional<int64_t> max_bucket_reso = {};
};

struct BucketOptions {
  int64_t resolution = 1024;
  bool enable_bucket = true;
  int64_t min_bucket_reso = 512;
  int64_t max_bucket_reso = 2048;
  int64_t bucket_reso_steps = 64;
  bool bucket_no_upscale = false;
  bool merge_small_buckets = false;
  std::vector<ResolutionOptions> resolutions = {};
  std::vector<std::string> predefined_buckets = {};
  std::optional<double> max_upscale = {};
  std::optional<double> max_crop_loss = {};
};

void describe(Section& section, ResolutionOptions& options);
void describe(Section& section, BucketOptions& options);

}  // namespace atelier

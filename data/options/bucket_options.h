// `dataset.buckets`: the sizes pictures are trained at (names and rules of sd-scripts).
#pragma once

#include <cstdint>

#include "configs/schema/field.h"

namespace atelier {

struct BucketOptions {
  int64_t resolution = 1024;
  bool enable_bucket = true;
  int64_t min_bucket_reso = 512;
  int64_t max_bucket_reso = 2048;
  int64_t bucket_reso_steps = 64;
  bool bucket_no_upscale = false;
  bool merge_small_buckets = false;
};

inline void describe(Section& section, BucketOptions& options) {
  section.field("resolution", options.resolution)
      .range(16, 8192)
      .unit("px")
      .doc("Side of the square whose area no bucket exceeds.");
  section.field("enable_bucket", options.enable_bucket).doc("false: one square bucket; pictures are cropped to it.");
  section.field("min_bucket_reso", options.min_bucket_reso).range(8, 8192).unit("px").doc("Shortest side of a bucket.");
  section.field("max_bucket_reso", options.max_bucket_reso).range(8, 8192).unit("px").doc("Longest side of a bucket.");
  section.field("bucket_reso_steps", options.bucket_reso_steps)
      .range(8, 1024)
      .unit("px")
      .doc("Sides are multiples of this; it must be a multiple of what the model divides sides by.");
  section.field("bucket_no_upscale", options.bucket_no_upscale)
      .doc("A picture smaller than its bucket keeps its own size, floored to the step, in a bucket of its own.");
  section.field("merge_small_buckets", options.merge_small_buckets)
      .doc(
          "Pictures of a bucket that holds less than one batch an epoch join the bucket of the nearest aspect; "
          "otherwise such a bucket gives short batches.");
}

}  // namespace atelier

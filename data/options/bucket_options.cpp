#include "data/options/bucket_options.h"

namespace atelier {

void describe(Section& section, ResolutionOptions& options) {
  section.field("resolution", options.resolution)
      .range(16, 8192)
      .unit("px")
      .doc("Side of the square whose area no bucket of this resolution exceeds.");
  section.field("repeats", options.repeats)
      .range(0, 4096)
      .doc("How often each picture is used at this resolution in an epoch; multiplies its other repeats.");
  section.field("min_bucket_reso", options.min_bucket_reso)
      .range(8, 8192)
      .unit("px")
      .doc("Shortest side of a bucket; null: that of `buckets`, in proportion to the resolutions.");
  section.field("max_bucket_reso", options.max_bucket_reso)
      .range(8, 8192)
      .unit("px")
      .doc("Longest side of a bucket; null: that of `buckets`, in proportion to the resolutions.");
}

void describe(Section& section, BucketOptions& options) {
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
          "Pictures of a bucket that holds less than one batch an epoch join the bucket of the nearest aspect that "
          "holds more, as far as max_upscale and max_crop_loss let them; otherwise such a bucket gives short batches.");
  section.sections("resolutions", options.resolutions)
      .doc(
          "Several resolutions in one run, instead of `resolution`: a picture is used once a repeat and resolution, "
          "each with buckets of its own: [{resolution: 1024}, {resolution: 1536, repeats: 0.5}].");
  section.field("predefined_buckets", options.predefined_buckets)
      .doc(
          "The bucket sizes themselves, [\"832x1216\", \"1024x1024\"], instead of those that resolution, "
          "min_bucket_reso and max_bucket_reso give; not with `resolutions`.");
  section.field("max_upscale", options.max_upscale)
      .range(1, 64)
      .doc(
          "Pictures that a resolution would enlarge more (factor of a side) leave it, and are counted; one that leaves "
          "all resolutions is not used. null: no limit.");
  section.field("max_crop_loss", options.max_crop_loss)
      .range(0, 1)
      .doc("Pictures that would lose a greater share of their area to the crop leave a resolution likewise.");
}

}  // namespace atelier

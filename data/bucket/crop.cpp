#include "data/bucket/crop.h"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace atelier {
namespace {

/// Round half up of a / b for positive numbers; no more than an int32 holds (a sliver of 1 x 10^8 px).
int32_t rounded_quotient(int64_t a, int64_t b) {
  return static_cast<int32_t>(std::min<int64_t>((2 * a + b) / (2 * b), std::numeric_limits<int32_t>::max()));
}

}  // namespace

ResizePlan plan_resize(int32_t width, int32_t height, int32_t bucket_width, int32_t bucket_height) {
  const int64_t w = width, h = height, bucket_w = bucket_width, bucket_h = bucket_height;
  ResizePlan plan{bucket_width, bucket_height, 0, 0};
  if (w * bucket_h > bucket_w * h) {  // wider than the bucket: the heights meet
    plan.resized_w = rounded_quotient(w * bucket_h, h);
  } else {
    plan.resized_h = rounded_quotient(h * bucket_w, w);
  }
  plan.crop_left = (plan.resized_w - bucket_width) / 2;
  plan.crop_top = (plan.resized_h - bucket_height) / 2;
  return plan;
}

double crop_loss(int32_t width, int32_t height, int32_t bucket_width, int32_t bucket_height) {
  const ResizePlan plan = plan_resize(width, height, bucket_width, bucket_height);
  const double kept = static_cast<double>(bucket_width) * bucket_height;
  return 1 - kept / (static_cast<double>(plan.resized_w) * plan.resized_h);
}

double upscale(int32_t width, int32_t height, int32_t bucket_width, int32_t bucket_height) {
  return std::max(static_cast<double>(bucket_width) / width, static_cast<double>(bucket_height) / height);
}

bool is_upscaled(int32_t width, int32_t height, int32_t bucket_width, int32_t bucket_height) {
  return width < bucket_width || height < bucket_height;
}

}  // namespace atelier

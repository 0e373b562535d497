// How a picture gets its bucket's size: resized until it covers the bucket, then cropped at the centre.
#pragma once

#include <cstdint>

namespace atelier {

/// First resize the picture to resized_w x resized_h, then cut the bucket's size out of it at (crop_left, crop_top).
/// All in pixels; crop_left and crop_top are what SDXL's micro-conditioning records.
struct ResizePlan {
  int32_t resized_w = 0, resized_h = 0;
  int32_t crop_left = 0, crop_top = 0;

  bool operator==(const ResizePlan&) const = default;
};

/// The smallest size of the picture's aspect that covers the bucket (the free side rounded half up, as sd-scripts), and
/// its centre crop. Integer arithmetic only. REQUIRES all arguments > 0.
ResizePlan plan_resize(int32_t width, int32_t height, int32_t bucket_width, int32_t bucket_height);

/// Share of the picture's area that the centre crop cuts off, in [0, 1).
double crop_loss(int32_t width, int32_t height, int32_t bucket_width, int32_t bucket_height);

/// Factor by which covering the bucket enlarges the picture's sides; below 1 if it shrinks.
double upscale(int32_t width, int32_t height, int32_t bucket_width, int32_t bucket_height);

/// True if covering the bucket enlarges the picture.
bool is_upscaled(int32_t width, int32_t height, int32_t bucket_width, int32_t bucket_height);

}  // namespace atelier

// How a picture is drawn: what a user says about it besides the words. Torch-free.
#pragma once

#include <cstdint>
#include <string>

namespace atelier {

/// Pictures of equal options can be drawn together. Names are diffusers'.
struct PictureOptions {
  int64_t width = 0, height = 0;  // px, multiples of the autoencoder's factor; 0: the UNet's sample_size
  int64_t steps = 30;
  double guidance_scale = 5.0;  // 1 and below: the negative is not computed
  double guidance_rescale = 0;  // 0..1: how far the guided answer's deviation is brought back to the unguided one's
  std::string sampler;          // a name of models/schedulers/samplers.h; empty: the model's own
  // SDXL's micro-conditioning, in pixels: what the picture is said to have been cut from. 0: its own size.
  int64_t original_width = 0, original_height = 0;
  int64_t crop_left = 0, crop_top = 0;
  int64_t negative_original_width = 0, negative_original_height = 0;  // 0: as above

  bool operator==(const PictureOptions&) const = default;
};

}  // namespace atelier

#include "trainer/masked_loss.h"

#include <ATen/ATen.h>

namespace atelier {

at::Tensor latent_mask(std::span<const uint8_t> masks, int64_t count, int64_t height, int64_t width,
                       int64_t latent_height, int64_t latent_width) {
  const at::Tensor bytes = at::from_blob(const_cast<uint8_t*>(masks.data()), {count, 1, height, width},
                                         at::TensorOptions(at::kByte));
  return at::adaptive_avg_pool2d(bytes.to(at::kFloat).div_(255), {latent_height, latent_width});
}

}  // namespace atelier

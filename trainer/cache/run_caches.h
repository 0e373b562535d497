// The caches of a run, as its options want them.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "trainer/cache/latent_cache.h"
#include "trainer/cache/text_cache.h"
#include "trainer/options/run_options.h"

namespace atelier {

class RunCaches {
 public:
  /// Opens them; both are absent where the run wants none. `model`, whose parts have their places, and `dataset` must
  /// outlive it. ConfigError: see TextCache.
  RunCaches(const RunOptions& run, const Dataset& dataset, const StableDiffusionXL& model, at::Device device);

  /// Makes what is missing, together with all other processes that do; says what was there and what was made.
  void fill();

  const LatentCache* latents() const { return latents_.get(); }
  const TextCache* texts() const { return texts_.get(); }

 private:
  std::unique_ptr<LatentCache> latents_;
  std::unique_ptr<TextCache> texts_;
};

}  // namespace atelier

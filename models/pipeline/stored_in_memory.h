// A model in memory as what lies on disk: for everything that writes pipelines.
#pragma once

#include "models/weights/stored_pipeline.h"

namespace atelier {

class StableDiffusionXL;

/// Its tensors are read from `model`, which must outlive them.
StoredPipeline stored_in_memory(const StableDiffusionXL& model);

}  // namespace atelier

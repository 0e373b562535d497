// The single-file layout of SDXL checkpoints (docs/formats/single_file.md).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "models/weights/stored_pipeline.h"
#include "models/weights/tensor_source.h"

namespace atelier {

/// The tensors of the pipeline under sgm's names: q, k and v of the second text encoder as one, its projection
/// transposed, the VAE's attention as 1x1 convolutions, with position_ids, logit_scale and the markers. SDXL base has
/// 2515 (and a marker or two). WeightsError naming what is missing: such a file has a VAE, a UNet and both text
/// encoders (the refiner: the second).
std::vector<TensorSource> single_file_tensors(const StoredPipeline& pipeline);

/// The pipeline's metadata with what ModelSpec wants (https://github.com/Stability-AI/ModelSpec) where it lacks it.
/// `title` is taken if there is none. No hash.
std::map<std::string, std::string> single_file_metadata(const StoredPipeline& pipeline, const std::string& title);

/// Names of the options that a reader of the single file would take to be others than they are.
std::vector<std::string> untold_options(const StoredPipeline& pipeline);

/// Whether a single file can hold all of a pipeline, of SDXL base, and its readers will take it for what it is: both
/// text encoders, an AutoencoderKL, and no untold option.
bool fits_single_file(const StoredPipeline& pipeline);

}  // namespace atelier

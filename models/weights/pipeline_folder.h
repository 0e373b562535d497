// Writing a stored pipeline as a diffusers folder (docs/formats/model_folder.md).
#pragma once

#include <filesystem>

#include "models/weights/stored_pipeline.h"
#include "models/weights/write_tensor_sources.h"

namespace atelier {

/// Writes model_index.json, scheduler/ and a folder with config.json and safetensors for each part, into `folder`,
/// which is made if it is not there. The pipeline's metadata goes to the UNet's file. The index names the tokenizers
/// that lie in `folder` already: the vocabulary is no part of the weights. `options.metadata` and `options.hash` are
/// not looked at.
void write_pipeline_folder(const StoredPipeline& pipeline, const std::filesystem::path& folder,
                           const WriteOptions& options);

}  // namespace atelier

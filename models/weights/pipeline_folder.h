// Writing a stored pipeline as a diffusers folder (docs/formats/model_folder.md).
#pragma once

#include <filesystem>

#include "models/weights/single_file.h"
#include "models/weights/stored_pipeline.h"

namespace atelier {

/// Writes model_index.json, scheduler/ and a folder with config.json and safetensors for each part, into `folder`,
/// which exists. The pipeline's metadata goes to the UNet's file. The index names a tokenizer for each text encoder,
/// whose files are the caller's to write: the vocabulary is no part of the weights. `options.metadata` and
/// `options.hash` are not looked at.
void write_pipeline_folder(const StoredPipeline& pipeline, const std::filesystem::path& folder,
                           const WriteOptions& options);

}  // namespace atelier

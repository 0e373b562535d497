// The networks of a pipeline one by one, from a component folder, a pipeline folder or a single file.
#pragma once

#include <filesystem>
#include <memory>

#include "models/weights/stored_pipeline.h"

namespace atelier {

class AutoencoderKL;
class CLIPTextModel;
class UNet2DConditionModel;

// `path`: config.json and safetensors of this component; a pipeline folder (model_index.json); or a single file.
// WeightsError if the component is not there or its weights do not fit.

std::unique_ptr<UNet2DConditionModel> load_unet(const std::filesystem::path& path);
/// `part`: kTextEncoder or kTextEncoder2.
std::unique_ptr<CLIPTextModel> load_text_encoder(const std::filesystem::path& path, Part part);
std::unique_ptr<AutoencoderKL> load_vae(const std::filesystem::path& path);

/// Without reading weights: every part's tensors are those that its options want. WeightsError names part and tensors.
void check_parts(const StoredPipeline& pipeline);

// The same from an opened pipeline. REQUIRES that it has the part.

std::unique_ptr<UNet2DConditionModel> load_unet(const StoredPipeline& pipeline);
std::unique_ptr<CLIPTextModel> load_text_encoder(const StoredPipeline& pipeline, Part part);
std::unique_ptr<AutoencoderKL> load_vae(const StoredPipeline& pipeline);

}  // namespace atelier

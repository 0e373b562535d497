#include "models/pipeline/components.h"

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/autoencoder/autoencoder_kl.h"
#include "models/clip/clip_text_model.h"
#include "models/unet/unet_2d_condition.h"
#include "models/weights/weights.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// The component's own folder, `path` or within a pipeline's, which need not be complete. Empty for a single file.
fs::path component_folder(const fs::path& path, Part part) {
  if (!fs::is_directory(path)) return {};
  return fs::exists(path / "model_index.json") ? path / part_name(part) : path;
}

StoredPipeline open_with(const fs::path& path, Part part) {
  StoredPipeline pipeline = open_pipeline(path);
  if (pipeline.tensors.contains(part)) return pipeline;
  throw WeightsError(text("there is no ", part_name(part), " in it"), path.string(),
                     "atelier model inspect shows what is in a file or folder");
}

/// Where errors about a part's weights point.
fs::path place_of(const StoredPipeline& pipeline, Part part) {
  if (!pipeline.single_file) return pipeline.path / part_name(part);
  return text(pipeline.path.string(), " (", part_name(part), ")");
}

template <typename Model>
std::unique_ptr<Model> load_part(const StoredPipeline& pipeline, Part part, std::unique_ptr<Model> model) {
  load_weights(*model, pipeline.tensors.at(part), place_of(pipeline, part));
  return model;
}

void check_part(const StoredPipeline& pipeline, Part part, const Module& model) {
  check_weights(model, pipeline.tensors.at(part), place_of(pipeline, part));
}

const CLIPTextOptions& text_encoder_options(const StoredPipeline& pipeline, Part part) {
  return part == Part::kTextEncoder ? *pipeline.text_encoder : *pipeline.text_encoder_2;
}

}  // namespace

std::unique_ptr<UNet2DConditionModel> load_unet(const fs::path& path) {
  if (const fs::path folder = component_folder(path, Part::kUnet); !folder.empty()) {
    return UNet2DConditionModel::from_pretrained(folder);
  }
  return load_unet(open_with(path, Part::kUnet));
}

std::unique_ptr<CLIPTextModel> load_text_encoder(const fs::path& path, Part part) {
  if (const fs::path folder = component_folder(path, part); !folder.empty()) {
    return CLIPTextModel::from_pretrained(folder);
  }
  return load_text_encoder(open_with(path, part), part);
}

std::unique_ptr<AutoencoderKL> load_vae(const fs::path& path) {
  if (const fs::path folder = component_folder(path, Part::kVae); !folder.empty()) {
    return AutoencoderKL::from_pretrained(folder);
  }
  return load_vae(open_with(path, Part::kVae));
}

void check_parts(const StoredPipeline& pipeline) {
  if (pipeline.text_encoder) check_part(pipeline, Part::kTextEncoder, CLIPTextModel(*pipeline.text_encoder));
  if (pipeline.text_encoder_2) check_part(pipeline, Part::kTextEncoder2, CLIPTextModel(*pipeline.text_encoder_2));
  if (pipeline.vae) check_part(pipeline, Part::kVae, AutoencoderKL(*pipeline.vae));
  if (pipeline.unet) check_part(pipeline, Part::kUnet, UNet2DConditionModel(*pipeline.unet));
}

std::unique_ptr<UNet2DConditionModel> load_unet(const StoredPipeline& pipeline) {
  return load_part(pipeline, Part::kUnet, std::make_unique<UNet2DConditionModel>(*pipeline.unet));
}

std::unique_ptr<CLIPTextModel> load_text_encoder(const StoredPipeline& pipeline, Part part) {
  return load_part(pipeline, part, std::make_unique<CLIPTextModel>(text_encoder_options(pipeline, part)));
}

std::unique_ptr<AutoencoderKL> load_vae(const StoredPipeline& pipeline) {
  return load_part(pipeline, Part::kVae, std::make_unique<AutoencoderKL>(*pipeline.vae));
}

}  // namespace atelier

#include "models/weights/pipeline_folder.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "configs/base/atomic_file.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using IndexJson = nlohmann::ordered_json;

IndexJson pipeline_index(const StoredPipeline& pipeline, const fs::path& folder) {
  IndexJson index = {
      {"_class_name", pipeline.refiner ? "StableDiffusionXLImg2ImgPipeline" : "StableDiffusionXLPipeline"},
      {"_diffusers_version", "0.19.0"},
      {"add_watermarker", nullptr},
      {"feature_extractor", {nullptr, nullptr}},
      {"force_zeros_for_empty_prompt", pipeline.force_zeros_for_empty_prompt},
      {"image_encoder", {nullptr, nullptr}}};
  if (pipeline.refiner) index["requires_aesthetics_score"] = true;
  const auto name = [&index](const std::string& part, bool there, const char* library, const std::string& class_name) {
    index[part] = there ? IndexJson::array({library, class_name}) : IndexJson::array({nullptr, nullptr});
  };
  name("scheduler", true, "diffusers", pipeline.scheduler.class_name);
  for (const auto& [part, encoder] :
       {std::pair{Part::kTextEncoder, pipeline.text_encoder},
        std::pair{Part::kTextEncoder2, pipeline.text_encoder_2}}) {
    const bool projects = encoder && encoder->with_projection;
    name(std::string(part_name(part)), encoder.has_value(), "transformers",
         projects ? "CLIPTextModelWithProjection" : "CLIPTextModel");
  }
  for (const char* tokenizer : {"tokenizer", "tokenizer_2"}) {
    name(tokenizer, fs::is_directory(folder / tokenizer), "transformers", "CLIPTokenizer");
  }
  name("unet", pipeline.unet.has_value(), "diffusers", "UNet2DConditionModel");
  if (pipeline.dct_vae) {
    name("vae", true, "atelier", "DctAutoencoder");
  } else {
    name("vae", pipeline.vae.has_value(), "diffusers", "AutoencoderKL");
  }
  return index;
}

void write_part_config(const StoredPipeline& pipeline, Part part, const fs::path& folder) {
  switch (part) {
    case Part::kTextEncoder: return write_clip_text_options(*pipeline.text_encoder, folder);
    case Part::kTextEncoder2: return write_clip_text_options(*pipeline.text_encoder_2, folder);
    case Part::kUnet: return write_file_atomically(folder / "config.json", unet_config_json(*pipeline.unet));
    case Part::kVae: return write_file_atomically(folder / "config.json", vae_config_json(*pipeline.vae));
  }
}

}  // namespace

void write_pipeline_folder(const StoredPipeline& pipeline, const fs::path& folder, const WriteOptions& options) {
  for (const auto& [part, sources] : pipeline.tensors) {
    const fs::path part_folder = folder / part_name(part);
    fs::create_directories(part_folder);
    write_part_config(pipeline, part, part_folder);
    WriteOptions part_options = options;
    part_options.hash = false;
    part_options.metadata.clear();
    if (part == Part::kUnet) part_options.metadata = pipeline.metadata;
    part_options.metadata["format"] = "pt";
    write_tensor_sources(part_folder / weights_file_name(part), sources, part_options);
  }
  if (pipeline.dct_vae) {
    fs::create_directories(folder / "vae");
    write_file_atomically(folder / "vae" / "config.json", dct_config_json());
  }
  fs::create_directories(folder / "scheduler");
  write_scheduler_options(pipeline.scheduler, folder / "scheduler");
  write_file_atomically(folder / "model_index.json", pipeline_index(pipeline, folder).dump(2) + "\n");
}

}  // namespace atelier

// A pipeline as it lies on disk, a diffusers folder or a single file: the options of its parts and where each of their
// tensors is, under diffusers' and transformers' names in either case. Nothing but headers is read.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "models/keys/single_file_keys.h"
#include "models/options/clip_options.h"
#include "models/options/scheduler_options.h"
#include "models/options/unet_options.h"
#include "models/options/vae_options.h"
#include "models/weights/tensor_source.h"

namespace atelier {

struct StoredPipeline {
  std::filesystem::path path;
  bool single_file = false;
  bool refiner = false;  // SDXL's refiner: no first text encoder

  // nullopt: the pipeline has no such part. The autoencoder of a folder counts only if it is an AutoencoderKL...
  std::optional<CLIPTextOptions> text_encoder, text_encoder_2;
  std::optional<UNet2DConditionOptions> unet;
  std::optional<AutoencoderKLOptions> vae;
  bool dct_vae = false;  // ... or our DctAutoencoder, which has no weights
  SchedulerOptions scheduler;
  bool force_zeros_for_empty_prompt = true;  // as diffusers' index says; the refiner encodes the empty text

  /// Of the parts that are there. Not checked against the options: models/pipeline/components.h does that.
  std::map<Part, std::vector<TensorSource>> tensors;
  /// What sgm's text encoders hold and diffusers has no place for, where the file has it.
  std::optional<TensorSource> position_ids, logit_scale;
  /// Of the single file, or of the UNet's file; without what belongs to those very bytes (hashes).
  std::map<std::string, std::string> metadata;
};

/// `path`: a pipeline folder (model_index.json), or a single file in the sgm layout, which may be a UNet or a VAE
/// alone. `config`: a folder with a pipeline's configurations that replace the stored or inferred ones; not checked
/// against the weights here. WeightsError for a file that is something else, and for tensors whose names or shapes do
/// not tell the network's shape.
StoredPipeline open_pipeline(const std::filesystem::path& path,
                             const std::optional<std::filesystem::path>& config = std::nullopt);

/// Metadata of a file for another that is made of it: without the hashes of its bytes.
std::map<std::string, std::string> without_hashes(std::map<std::string, std::string> metadata);

}  // namespace atelier

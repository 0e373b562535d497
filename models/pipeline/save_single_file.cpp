#include "models/pipeline/save_single_file.h"

#include <ATen/core/Tensor.h>

#include "models/autoencoder/autoencoder_kl.h"
#include "models/clip/clip_text_model.h"
#include "models/keys/infer_options.h"
#include "models/pipeline/stable_diffusion_xl.h"
#include "models/unet/unet_2d_condition.h"
#include "models/weights/single_file.h"

namespace atelier {
namespace {

StoredPipeline stored_in_memory(const StableDiffusionXL& model, const AutoencoderKL& vae) {
  StoredPipeline stored;
  stored.text_encoder = model.text_encoder->options();
  stored.text_encoder_2 = model.text_encoder_2->options();
  stored.unet = model.unet->options();
  stored.vae = vae.options();
  stored.scheduler = model.scheduler;
  stored.force_zeros_for_empty_prompt = model.force_zeros_for_empty_prompt;
  stored.tensors[Part::kTextEncoder] = tensors_of_module(*model.text_encoder);
  stored.tensors[Part::kTextEncoder2] = tensors_of_module(*model.text_encoder_2);
  stored.tensors[Part::kUnet] = tensors_of_module(*model.unet);
  stored.tensors[Part::kVae] = tensors_of_module(vae.weights());
  return stored;
}

}  // namespace

bool fits_single_file(const StableDiffusionXL& model) {
  const auto* const vae = dynamic_cast<const AutoencoderKL*>(model.autoencoder.get());
  return vae && model.text_encoder && model.text_encoder_2 && model.force_zeros_for_empty_prompt &&
         untold_options(model.text_encoder->options()).empty() &&
         untold_options(model.text_encoder_2->options()).empty() && untold_options(model.unet->options()).empty() &&
         untold_options(vae->options()).empty();
}

void save_single_file(const StableDiffusionXL& model, const std::filesystem::path& file, SafeDtype dtype,
                      const std::map<std::string, std::string>& metadata) {
  StoredPipeline stored = stored_in_memory(model, dynamic_cast<const AutoencoderKL&>(*model.autoencoder));
  stored.metadata = metadata;
  WriteOptions options;
  options.dtype = dtype;
  options.metadata = single_file_metadata(stored, file.stem().string());
  options.hash = true;
  write_tensor_sources(file, single_file_tensors(stored), options);
}

}  // namespace atelier

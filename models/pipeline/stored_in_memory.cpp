#include "models/pipeline/stored_in_memory.h"

#include <ATen/core/Tensor.h>

#include "models/autoencoder/autoencoder_kl.h"
#include "models/clip/clip_text_model.h"
#include "models/pipeline/stable_diffusion_xl.h"
#include "models/unet/unet_2d_condition.h"

namespace atelier {

StoredPipeline stored_in_memory(const StableDiffusionXL& model) {
  StoredPipeline stored;
  if (model.text_encoder) {
    stored.text_encoder = model.text_encoder->options();
    stored.tensors[Part::kTextEncoder] = tensors_of_module(*model.text_encoder);
  }
  if (model.text_encoder_2) {
    stored.text_encoder_2 = model.text_encoder_2->options();
    stored.tensors[Part::kTextEncoder2] = tensors_of_module(*model.text_encoder_2);
  }
  stored.unet = model.unet->options();
  stored.tensors[Part::kUnet] = tensors_of_module(*model.unet);
  if (const auto* const vae = dynamic_cast<const AutoencoderKL*>(model.autoencoder.get())) {
    stored.vae = vae->options();
    stored.tensors[Part::kVae] = tensors_of_module(vae->weights());
  } else {
    stored.dct_vae = true;
  }
  stored.refiner = !stored.text_encoder && stored.text_encoder_2;
  stored.scheduler = model.scheduler;
  stored.force_zeros_for_empty_prompt = model.force_zeros_for_empty_prompt;
  return stored;
}

}  // namespace atelier

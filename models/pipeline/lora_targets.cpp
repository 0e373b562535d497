#include "models/pipeline/lora_targets.h"

#include "models/clip/clip_text_model.h"
#include "models/pipeline/stable_diffusion_xl.h"
#include "models/unet/unet_2d_condition.h"

namespace atelier {

std::vector<LoraTarget> lora_targets(StableDiffusionXL& model) {
  const UNet2DConditionOptions& unet = model.unet->options();
  std::vector<LoraTarget> targets;
  if (model.text_encoder) targets.push_back({model.text_encoder.get(), lora_naming(Part::kTextEncoder, unet)});
  if (model.text_encoder_2) targets.push_back({model.text_encoder_2.get(), lora_naming(Part::kTextEncoder2, unet)});
  targets.push_back({model.unet.get(), lora_naming(Part::kUnet, unet)});
  return targets;
}

}  // namespace atelier

// Token ids -> what the UNet is told.
#include <ATen/ATen.h>

#include "models/clip/clip_text_model.h"
#include "models/pipeline/stable_diffusion_xl.h"

namespace atelier {

Conditioning StableDiffusionXL::encode(const at::Tensor& input_ids_1, const at::Tensor& input_ids_2) const {
  if (!text_encoder_2) {
    const CLIPTextOutput output = text_encoder->forward(input_ids_1);
    return {output.penultimate_hidden_state, output.pooled};
  }
  const CLIPTextOutput second = text_encoder_2->forward(input_ids_2);
  if (!text_encoder) return {second.penultimate_hidden_state, second.pooled};
  const at::Tensor first = text_encoder->penultimate_hidden_state(input_ids_1);
  return {at::cat({first, second.penultimate_hidden_state}, -1), second.pooled};
}

}  // namespace atelier

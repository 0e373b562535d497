#include "models/keys/model_kind.h"

#include <algorithm>
#include <array>
#include <set>

namespace atelier {
namespace {

/// A file is of this kind if some key begins with `prefix` and, where given, some key ends with `suffix`.
struct KindRule {
  std::string_view prefix, suffix;
  std::string_view id, label;
};

// First match wins: the more particular come first.
constexpr std::array kRules = {
    KindRule{"lora_", ".lora_down.weight", "lora", "LoRA (kohya)"},
    KindRule{"lora_", ".hada_w1_a", "loha", "LoHa (LyCORIS)"},
    KindRule{"lora_", ".lokr_w1", "lokr", "LoKr (LyCORIS)"},
    KindRule{"lora_", ".lokr_w1_a", "lokr", "LoKr (LyCORIS)"},
    KindRule{"", ".lora_A.weight", "lora", "LoRA (PEFT)"},
    KindRule{"conditioner.embedders.1.", "", "sdxl-checkpoint", "SDXL checkpoint, single file"},
    KindRule{"conditioner.embedders.0.", "", "sdxl-refiner-checkpoint", "SDXL refiner checkpoint, single file"},
    KindRule{"cond_stage_model.", "", "sd-checkpoint", "Stable Diffusion 1/2 checkpoint, single file"},
    KindRule{"model.diffusion_model.", "", "unet-sgm", "diffusion model in the sgm layout"},
    KindRule{"down_blocks.", "time_embedding.linear_1.weight", "unet", "UNet2DConditionModel (diffusers)"},
    KindRule{"decoder.up_blocks.", "post_quant_conv.weight", "vae", "AutoencoderKL (diffusers)"},
    KindRule{"first_stage_model.", "", "vae-sgm", "VAE in the sgm layout"},
    KindRule{"text_projection.weight", "token_embedding.weight", "text-encoder-2",
             "CLIPTextModelWithProjection (transformers)"},
    KindRule{"", "embeddings.token_embedding.weight", "text-encoder", "CLIPTextModel (transformers)"},
};

bool matches(const KindRule& rule, const SafetensorsFile& file) {
  const auto any = [&](auto test) { return std::any_of(file.tensors().begin(), file.tensors().end(), test); };
  return any([&](const SafeTensorInfo& tensor) { return tensor.name.starts_with(rule.prefix); }) &&
         any([&](const SafeTensorInfo& tensor) { return tensor.name.ends_with(rule.suffix); });
}

}  // namespace

ModelKind guess_kind(const SafetensorsFile& file) {
  const auto rule = std::find_if(kRules.begin(), kRules.end(), [&](const KindRule& r) { return matches(r, file); });
  if (rule == kRules.end()) return {"unknown", "unknown"};
  return {std::string(rule->id), std::string(rule->label)};
}

std::vector<int64_t> adapter_ranks(const SafetensorsFile& file) {
  std::set<int64_t> ranks;
  for (const SafeTensorInfo& tensor : file.tensors()) {
    const bool down = tensor.name.ends_with(".lora_down.weight") || tensor.name.ends_with(".lora_A.weight");
    if (down && !tensor.shape.empty()) ranks.insert(tensor.shape.front());
  }
  return {ranks.begin(), ranks.end()};
}

}  // namespace atelier

#include "models/keys/single_file_keys.h"

#include <algorithm>
#include <array>

namespace atelier {
namespace {

constexpr std::string_view kUnetPrefix = "model.diffusion_model.";
constexpr std::string_view kVaePrefix = "first_stage_model.";
constexpr std::string_view kClipPrefix = "conditioner.embedders.0.transformer.";
constexpr std::string_view kOpenClipPrefix = "conditioner.embedders.1.model.";
constexpr std::string_view kRefinerClipPrefix = "conditioner.embedders.0.model.";

/// A part is there if some key begins with `prefix`, or, where `prefix` is empty, if `sign` is a key.
struct PartRule {
  Part part;
  std::string_view prefix, sign;
};

// First match of a part wins.
constexpr std::array kPartRules = {
    PartRule{Part::kTextEncoder, kClipPrefix, ""},
    PartRule{Part::kTextEncoder2, kOpenClipPrefix, ""},
    PartRule{Part::kTextEncoder2, kRefinerClipPrefix, ""},
    PartRule{Part::kUnet, kUnetPrefix, ""},
    PartRule{Part::kUnet, "", "input_blocks.0.0.weight"},
    PartRule{Part::kVae, kVaePrefix, ""},
    PartRule{Part::kVae, "", "decoder.up.0.block.0.norm1.weight"},
};

constexpr std::array<std::string_view, 4> kHarmlessPrefixes = {"model_ema.", "first_stage_model.loss.", "posterior_",
                                                               "sqrt_"};
constexpr std::array<std::string_view, 2> kHarmlessSuffixes = {".position_ids", ".logit_scale"};
constexpr std::array<std::string_view, 12> kHarmlessKeys = {"betas",
                                                            "alphas_cumprod",
                                                            "alphas_cumprod_prev",
                                                            "log_one_minus_alphas_cumprod",
                                                            "denoiser.sigmas",
                                                            "denoiser.sigmas_cumprod",
                                                            "logvar",
                                                            "lvlb_weights",
                                                            "scale_factor",
                                                            "global_step",
                                                            kVPredictionMarker,
                                                            kZeroSnrMarker};

}  // namespace

std::string_view part_name(Part part) {
  switch (part) {
    case Part::kTextEncoder: return "text_encoder";
    case Part::kTextEncoder2: return "text_encoder_2";
    case Part::kUnet: return "unet";
    case Part::kVae: return "vae";
  }
  return {};
}

std::string_view weights_file_name(Part part) {
  const bool encoder = part == Part::kTextEncoder || part == Part::kTextEncoder2;
  return encoder ? "model.safetensors" : "diffusion_pytorch_model.safetensors";
}

std::string_view part_prefix(Part part, bool refiner) {
  switch (part) {
    case Part::kTextEncoder: return kClipPrefix;
    case Part::kTextEncoder2: return refiner ? kRefinerClipPrefix : kOpenClipPrefix;
    case Part::kUnet: return kUnetPrefix;
    case Part::kVae: return kVaePrefix;
  }
  return {};
}

std::map<Part, std::string> parts_of_file(const SafetensorsFile& file) {
  std::map<Part, std::string> parts;
  for (const PartRule& rule : kPartRules) {
    const bool there = rule.prefix.empty()
                           ? file.find(rule.sign) != nullptr
                           : std::any_of(file.tensors().begin(), file.tensors().end(), [&](const SafeTensorInfo& info) {
                               return info.name.starts_with(rule.prefix);
                             });
    if (there) parts.emplace(rule.part, rule.prefix);
  }
  return parts;
}

bool is_harmless_key(std::string_view key) {
  return std::any_of(kHarmlessPrefixes.begin(), kHarmlessPrefixes.end(),
                     [&](std::string_view prefix) { return key.starts_with(prefix); }) ||
         std::any_of(kHarmlessSuffixes.begin(), kHarmlessSuffixes.end(),
                     [&](std::string_view suffix) { return key.ends_with(suffix); }) ||
         std::find(kHarmlessKeys.begin(), kHarmlessKeys.end(), key) != kHarmlessKeys.end();
}

}  // namespace atelier

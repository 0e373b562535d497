#include "models/keys/model_kind.h"

#include <algorithm>
#include <array>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/keys/adapter_summary.h"

namespace atelier {
namespace {

/// A file is of this kind if some key begins with `prefix` and, where given, some key ends with `suffix`.
struct KindRule {
  std::string_view prefix, suffix;
  std::string_view id, label, family;
};

// First match wins: the more particular come first.
constexpr std::array kRules = {
    // Whole checkpoints and lone networks of other families, by a key that only they have.
    KindRule{"", "distilled_guidance_layer.in_proj.bias", "chroma", "Chroma", "chroma"},
    KindRule{"", "txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.bias", "hunyuan-video", "HunyuanVideo",
             "hunyuan-video"},
    KindRule{"", "single_stream_modulation.lin.weight", "flux2", "Flux 2", "flux2"},
    KindRule{"", "double_blocks.0.img_attn.norm.key_norm.scale", "flux", "Flux", "flux"},
    KindRule{"single_transformer_blocks.", "x_embedder.weight", "flux", "Flux (diffusers)", "flux"},
    KindRule{"", "joint_blocks.0.context_block.adaLN_modulation.1.bias", "sd3", "Stable Diffusion 3", "sd3"},
    KindRule{"transformer_blocks.0.ff_context.", "pos_embed.proj.weight", "sd3", "Stable Diffusion 3 (diffusers)",
             "sd3"},
    KindRule{"", "double_layers.0.attn.w1q.weight", "auraflow", "AuraFlow", "auraflow"},
    KindRule{"", "mlp_t5.0.weight", "hunyuan-dit", "Hunyuan-DiT", "hunyuan-dit"},
    KindRule{"", "layers.0.adaLN_modulation.0.weight", "z-image", "Z-Image", "z-image"},
    KindRule{"", "cap_embedder.0.weight", "lumina2", "Lumina 2", "lumina2"},
    KindRule{"", "head.modulation", "wan", "Wan video model", "wan"},
    KindRule{"", "patchify_proj.weight", "ltx-video", "LTX-Video", "ltx-video"},
    KindRule{"", "blocks.0.attn.qkv_x.weight", "mochi", "Mochi", "mochi"},
    KindRule{"", "blocks.0.cross_attn.q_linear.weight", "sana", "Sana or PixArt", "sana"},
    KindRule{"", "t_block.1.weight", "pixart", "PixArt", "pixart"},
    KindRule{"adaln_single.", "caption_projection.linear_1.weight", "pixart", "PixArt (diffusers)", "pixart"},
    KindRule{"", "double_stream_blocks.0.block.adaLN_modulation.1.bias", "hidream", "HiDream", "hidream"},
    KindRule{"", "x_embedder.proj.1.weight", "cosmos", "Cosmos", "cosmos"},
    KindRule{"", "clip_txt_mapper.weight", "stable-cascade", "Stable Cascade", "stable-cascade"},
    KindRule{"", "transformer_blocks.0.attn.add_q_proj.weight", "mmdit", "a transformer of Qwen-Image or its kin",
             "mmdit"},
    KindRule{"", "input_blocks.1.0.time_stack.emb_layers.1.weight", "svd", "Stable Video Diffusion", "svd"},
    KindRule{"", "motion_modules.0.temporal_transformer.norm.weight", "animatediff", "an AnimateDiff motion module",
             ""},
    KindRule{"edm_mean", "", "playground", "Playground 2.5 (SDXL's networks with another schedule)", "playground"},
    KindRule{"control_model.", "", "controlnet", "a ControlNet", ""},
    KindRule{"", "input_hint_block.0.weight", "controlnet", "a ControlNet", ""},
    KindRule{"", "controlnet_cond_embedding.conv_in.weight", "controlnet", "a ControlNet (diffusers)", ""},
    KindRule{"ip_adapter.", "", "ip-adapter", "an IP-Adapter", ""},
    KindRule{"", "encoder.block.0.layer.0.SelfAttention.q.weight", "t5", "a T5 text encoder", ""},
    // Stable Diffusion's own line.
    KindRule{"conditioner.embedders.1.", "", "sdxl-checkpoint", "SDXL checkpoint, single file", "sdxl"},
    KindRule{"conditioner.embedders.0.", "", "sdxl-refiner-checkpoint", "SDXL refiner checkpoint, single file",
             "sdxl-refiner"},
    KindRule{"cond_stage_model.model.", "", "sd-checkpoint", "Stable Diffusion 2 checkpoint, single file", "sd2"},
    KindRule{"cond_stage_model.", "", "sd-checkpoint", "Stable Diffusion 1 checkpoint, single file", "sd1"},
    KindRule{"model.diffusion_model.", "", "unet-sgm", "UNet in the sgm layout, without the other parts", ""},
    KindRule{"input_blocks.", "time_embed.0.weight", "unet-sgm", "UNet in the sgm layout, without the other parts", ""},
    KindRule{"down_blocks.", "time_embedding.linear_1.weight", "unet", "UNet2DConditionModel (diffusers)", ""},
    KindRule{"decoder.up_blocks.", "post_quant_conv.weight", "vae", "AutoencoderKL (diffusers)", ""},
    KindRule{"first_stage_model.", "", "vae-sgm", "VAE in the sgm layout", ""},
    KindRule{"decoder.up.", "decoder.conv_in.weight", "vae-sgm", "VAE in the sgm layout", ""},
    KindRule{"text_projection.weight", "token_embedding.weight", "text-encoder-2",
             "CLIPTextModelWithProjection (transformers)", ""},
    KindRule{"", "embeddings.token_embedding.weight", "text-encoder", "CLIPTextModel (transformers)", ""},
    KindRule{"clip_g", "clip_l", "embedding", "textual inversion", "sdxl"},
    KindRule{"emb_params", "", "embedding", "textual inversion", ""},
};

struct Word {
  std::string_view id, label;
};

constexpr std::array kFamilyLabels = {
    Word{"sdxl", "SDXL"},
    Word{"sdxl-refiner", "SDXL refiner"},
    Word{"sdxl-inpaint", "SDXL inpainting"},
    Word{"sdxl-edit", "SDXL image editing"},
    Word{"sd1", "Stable Diffusion 1"},
    Word{"sd2", "Stable Diffusion 2"},
    Word{"sd3", "Stable Diffusion 3"},
    Word{"flux", "Flux"},
    Word{"wan", "Wan"},
    Word{"lumina2", "Lumina 2"},
};

// Longest first where one begins another.
constexpr std::array kComponents = {
    Word{"model.diffusion_model.", "unet"},
    Word{"first_stage_model.", "vae"},
    Word{"conditioner.embedders.0.model.", "text_encoder_2"},  // the refiner's only one
    Word{"conditioner.embedders.0.", "text_encoder"},
    Word{"conditioner.embedders.1.", "text_encoder_2"},
    Word{"cond_stage_model.", "text_encoder"},
    Word{"model_ema.", "ema"},
    Word{"control_model.", "controlnet"},
    Word{"text_encoders.", "text_encoders"},
    Word{"lora_unet_", "unet"},
    Word{"lora_te1_", "text_encoder"},
    Word{"lora_te2_", "text_encoder_2"},
    Word{"lora_te_", "text_encoder"},
    Word{"lora_transformer_", "transformer"},
    Word{"diffusion_model.", "unet"},
    Word{"unet.", "unet"},
    Word{"text_encoder.", "text_encoder"},
    Word{"text_encoder_2.", "text_encoder_2"},
    Word{"transformer.", "transformer"},
    Word{"vae.", "vae"},
};

bool matches(const KindRule& rule, const SafetensorsFile& file) {
  const auto any = [&](auto test) { return std::any_of(file.tensors().begin(), file.tensors().end(), test); };
  return (rule.prefix.empty() || any([&](const auto& tensor) { return tensor.name.starts_with(rule.prefix); })) &&
         (rule.suffix.empty() || any([&](const auto& tensor) { return tensor.name.ends_with(rule.suffix); }));
}

/// A side of the first tensor whose name ends so; 0 if there is none.
int64_t side_of(const SafetensorsFile& file, std::string_view suffix, size_t axis) {
  for (const SafeTensorInfo& tensor : file.tensors()) {
    if (tensor.name.ends_with(suffix) && tensor.shape.size() > axis) return tensor.shape[axis];
  }
  return 0;
}

/// A UNet that takes more channels than it gives has further pictures among its inputs.
void look_at_channels(const SafetensorsFile& file, std::string_view first, std::string_view last, ModelKind& kind) {
  const int64_t in = side_of(file, first, 1), out = side_of(file, last, 0);
  if (in == 0 || out == 0 || in == out || kind.family != "sdxl") return;
  const bool inpaint = in == 2 * out + 1;  // noisy latents, mask, masked picture
  kind.family = inpaint ? "sdxl-inpaint" : "sdxl-edit";
  kind.label = text("SDXL ", inpaint ? "inpainting" : "image editing", " model (", in, " input channels)");
}

ModelKind kind_of_adapter(const AdapterSummary& adapter) {
  static constexpr std::array kAlgorithms = {
      Word{"lora", "LoRA"}, Word{"locon", "LoCon"}, Word{"loha", "LoHa"},           Word{"lokr", "LoKr"},
      Word{"dora", "DoRA"}, Word{"oft", "OFT"},     Word{"diff", "full difference"}};
  static constexpr std::array kNamings = {Word{"kohya", "kohya"}, Word{"peft", "PEFT"}, Word{"diffusers", "diffusers"}};
  const auto label = [](const auto& words, std::string_view id) {
    return std::find_if(words.begin(), words.end(), [&](const Word& word) { return word.id == id; })->label;
  };
  const bool lycoris = adapter.algorithm != "lora" && adapter.algorithm != "dora" && adapter.naming == "kohya";
  return {adapter.algorithm,
          text(label(kAlgorithms, adapter.algorithm), " (", lycoris ? "LyCORIS" : label(kNamings, adapter.naming), ")"),
          adapter.family};
}

constexpr std::string_view kGiveSdxl =
    "give an SDXL checkpoint (a single .safetensors file) or a diffusers pipeline folder";

/// What to do with a file that is `kind` where an SDXL checkpoint is wanted.
std::string way_out(const ModelKind& kind, bool adapter) {
  if (adapter) return "adapters go on top of a model: give an SDXL checkpoint here, and this file as its LoRA";
  if (kind.id == "embedding") return "textual inversions go on top of a model";
  if (kind.id == "vae" || kind.id == "vae-sgm") return "another VAE goes beside a model: model.vae in the YAML";
  if (kind.family == "sdxl-refiner") return "give the base model; the refiner only finishes its pictures";
  return std::string(kGiveSdxl);
}

}  // namespace

ModelKind guess_kind(const SafetensorsFile& file) {
  const AdapterSummary adapter = adapter_summary(file);
  if (!adapter.empty()) return kind_of_adapter(adapter);
  const auto rule = std::find_if(kRules.begin(), kRules.end(), [&](const KindRule& r) { return matches(r, file); });
  if (rule == kRules.end()) return {"unknown", "unknown", ""};
  ModelKind kind{std::string(rule->id), std::string(rule->label), std::string(rule->family)};
  if (kind.id.starts_with("unet")) kind.family = family_of_text_width(side_of(file, "attn2.to_k.weight", 1));
  // In a whole checkpoint "conv_in.weight" would be the VAE's.
  const bool diffusers = file.find("conv_in.weight") != nullptr;
  look_at_channels(file, diffusers ? "conv_in.weight" : "input_blocks.0.0.weight",
                   diffusers ? "conv_out.weight" : "diffusion_model.out.2.weight", kind);
  return kind;
}

std::string family_label(std::string_view family) {
  const auto found =
      std::find_if(kFamilyLabels.begin(), kFamilyLabels.end(), [&](const Word& word) { return word.id == family; });
  return std::string(found == kFamilyLabels.end() ? family : found->label);
}

std::string_view family_of_text_width(int64_t width) {
  return width == 768 ? "sd1" : width == 1024 ? "sd2" : width == 1280 ? "sdxl-refiner" : width == 2048 ? "sdxl" : "";
}

std::string_view component_of(std::string_view key) {
  for (const Word& word : kComponents) {
    if (key.starts_with(word.id)) return word.label;
  }
  return {};
}

void require_sdxl_checkpoint(const SafetensorsFile& file) {
  const ModelKind kind = guess_kind(file);
  if (kind.id == "sdxl-checkpoint" && kind.family == "sdxl") return;
  const std::string what = kind.id == "unknown" ? "none of its tensors is named as in an SDXL checkpoint"
                                                : text("this is ", kind.label, ", not an SDXL checkpoint");
  throw WeightsError(what, file.path().string(), way_out(kind, !adapter_summary(file).empty()));
}

void require_sdxl_adapter(const SafetensorsFile& file) {
  const AdapterSummary adapter = adapter_summary(file);
  if (adapter.empty()) {
    const ModelKind kind = guess_kind(file);
    const std::string what = kind.id == "unknown" ? "no tensor of this file is named as an adapter's"
                                                  : text("this is ", kind.label, ", not a LoRA");
    throw WeightsError(what, file.path().string(), "give a LoRA, LoCon, LoHa, LoKr or DoRA file");
  }
  if (adapter.family.empty() || adapter.family == "sdxl") return;
  throw WeightsError(
      text("this ", kind_of_adapter(adapter).label, " was made for ", family_label(adapter.family), ", not for SDXL"),
      file.path().string(), "adapters fit only the family of models they were trained on");
}

}  // namespace atelier

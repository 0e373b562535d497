#include "models/keys/infer_options.h"

#include <algorithm>

#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

constexpr int64_t kHeadChannels = 64;
constexpr int64_t kGroups = 32;
constexpr const char* kConfigHint = "give the model's configuration files with --config DIR";

int64_t heads_of(int64_t channels, const SgmTensors& tensors) {
  if (channels % kHeadChannels != 0) {
    throw WeightsError(text("the file does not say how many attention heads its ", channels, " channels have"),
                       tensors.where(), kConfigHint);
  }
  return channels / kHeadChannels;
}

void require_groups(int64_t channels, const SgmTensors& tensors) {
  if (channels % kGroups == 0) return;
  throw WeightsError(text("the file does not say how many groups the norms of its ", channels, " channels have"),
                     tensors.where(), kConfigHint);
}

int64_t transformer_depth(const SgmTensors& tensors, std::string_view attention) {
  return tensors.count(text(attention, ".transformer_blocks."), ".norm1.weight");
}

/// Numbers of one level of the UNet on its way down or up.
struct Level {
  int64_t channels = 0, layers = 0;
  int64_t depth = 0;  // transformer blocks; 0 without attention
};

/// Adds the ResNet block at `block` ("input_blocks.4") to `level`.
void add_resnet(Level& level, const SgmTensors& tensors, const std::string& block) {
  level.channels = tensors.side(block + ".0.out_layers.3.weight", 0);
  level.depth = transformer_depth(tensors, block + ".1");
  ++level.layers;
}

std::vector<Level> down_levels(const SgmTensors& tensors) {
  std::vector<Level> levels(1);
  for (int64_t i = 1;; ++i) {
    const std::string block = text("input_blocks.", i), resnet = block + ".0.in_layers.0.weight";
    if (levels.back().layers == 0) tensors.require(resnet);  // a level begins with one
    if (tensors.has(resnet)) {
      add_resnet(levels.back(), tensors, block);
    } else if (tensors.has(block + ".0.op.weight")) {
      levels.emplace_back();
    } else {
      return levels;
    }
  }
}

/// The levels of the way up, in the order of `down`; each has one ResNet block more.
std::vector<Level> up_levels(const SgmTensors& tensors, const std::vector<Level>& down) {
  std::vector<Level> levels(down.size());
  int64_t block = 0;
  for (size_t i = down.size(); i-- > 0;) {
    for (int64_t layer = 0; layer <= down[i].layers; ++layer) {
      add_resnet(levels[i], tensors, text("output_blocks.", block++));
    }
  }
  return levels;
}

/// Where a text encoder's sizes stand, in one of the two ways to name its tensors.
struct TextNames {
  std::string_view tokens, positions;
  std::string_view layers, norm, mlp;  // `layers` + N + `norm`
};

CLIPTextOptions infer_text_options(const SgmTensors& tensors, const TextNames& names) {
  tensors.require(text(names.layers, 0, names.norm));
  CLIPTextOptions options;
  options.vocab_size = tensors.side(names.tokens, 0);
  options.hidden_size = tensors.side(names.tokens, 1);
  options.max_position_embeddings = tensors.side(names.positions, 0);
  options.num_hidden_layers = tensors.count(names.layers, names.norm);
  options.intermediate_size = tensors.side(text(names.layers, 0, names.mlp), 0);
  options.num_attention_heads = heads_of(options.hidden_size, tensors);
  options.bos_token_id = 0;  // as SDXL's own files say
  options.eos_token_id = 2;
  return options;
}

/// A text's width that the cross-attentions take.
int64_t context_width(const SgmTensors& tensors) {
  return tensors.side("middle_block.1.transformer_blocks.0.attn2.to_k.weight", 1);
}

}  // namespace

bool SgmTensors::has(std::string_view name) const { return file_.find(text(prefix_, name)) != nullptr; }

const SafeTensorInfo& SgmTensors::find(std::string_view name) const {
  const SafeTensorInfo* info = file_.find(text(prefix_, name));
  if (!info) throw WeightsError(text("the tensor ", prefix_, name, " is missing"), file_.path().string());
  return *info;
}

int64_t SgmTensors::side(std::string_view name, size_t dimension) const {
  const SafeTensorInfo& info = find(name);
  if (dimension < info.shape.size() && info.shape[dimension] > 0) return info.shape[dimension];
  throw WeightsError(text("the tensor ", info.name, " has ", info.shape.size(), " dimensions, which is not its shape"),
                     file_.path().string());
}

size_t SgmTensors::dimensions(std::string_view name) const { return find(name).shape.size(); }

int64_t SgmTensors::count(std::string_view before, std::string_view after) const {
  int64_t count = 0;
  while (has(text(before, count, after))) ++count;
  return count;
}

std::string SgmTensors::where() const { return file_.path().string(); }

UNet2DConditionOptions infer_unet_options(const SgmTensors& tensors) {
  const std::vector<Level> down = down_levels(tensors), up = up_levels(tensors, down);
  const int64_t mid_depth = transformer_depth(tensors, "middle_block.1");
  UNet2DConditionOptions options;
  options.in_channels = tensors.side("input_blocks.0.0.weight", 1);
  options.out_channels = tensors.side("out.2.weight", 0);
  options.cross_attention_dim = context_width(tensors);
  options.use_linear_projection = tensors.dimensions("middle_block.1.proj_in.weight") == 2;
  options.projection_class_embeddings_input_dim = tensors.side("label_emb.0.0.weight", 1);
  options.block_out_channels.clear();
  options.layers_per_block.clear();
  options.down_attention.clear();
  options.transformer_layers_per_block.clear();
  options.attention_heads.clear();
  std::vector<int64_t> up_depths;  // lowest level first, as up_attention
  options.up_attention.clear();
  for (size_t i = 0; i < down.size(); ++i) {
    const bool last = i + 1 == down.size();
    const Level& other = up[up.size() - 1 - i];
    require_groups(down[i].channels, tensors);
    options.block_out_channels.push_back(down[i].channels);
    options.layers_per_block.push_back(down[i].layers);
    options.attention_heads.push_back(heads_of(down[i].channels, tensors));
    options.down_attention.push_back(down[i].depth > 0);
    options.up_attention.push_back(other.depth > 0);
    // The middle block has as many as the last level says, whether that has any itself or not.
    options.transformer_layers_per_block.push_back(down[i].depth > 0 ? down[i].depth : last ? mid_depth : 1);
    up_depths.push_back(other.depth);
  }
  // The way up repeats the way down unless the file shows otherwise.
  std::vector<int64_t> mirrored(options.transformer_layers_per_block.rbegin(),
                                options.transformer_layers_per_block.rend());
  bool differs = false;
  for (size_t i = 0; i < mirrored.size(); ++i) {
    if (up_depths[i] == 0) up_depths[i] = mirrored[i];
    differs |= up_depths[i] != mirrored[i];
  }
  if (differs) options.reverse_transformer_layers_per_block = up_depths;
  return options;
}

AutoencoderKLOptions infer_vae_options(const SgmTensors& tensors) {
  AutoencoderKLOptions options;
  options.in_channels = tensors.side("encoder.conv_in.weight", 1);
  options.out_channels = tensors.side("decoder.conv_out.weight", 0);
  options.latent_channels = tensors.side("decoder.conv_in.weight", 1);
  tensors.require("encoder.down.0.block.0.norm1.weight");
  options.layers_per_block = tensors.count("encoder.down.0.block.", ".norm1.weight");
  options.block_out_channels.clear();
  const int64_t levels = tensors.count("encoder.down.", ".block.0.norm1.weight");
  for (int64_t level = 0; level < levels; ++level) {
    options.block_out_channels.push_back(tensors.side(text("encoder.down.", level, ".block.0.conv1.weight"), 0));
    require_groups(options.block_out_channels.back(), tensors);
  }
  options.use_quant_conv = tensors.has("quant_conv.weight");
  options.use_post_quant_conv = tensors.has("post_quant_conv.weight");
  options.mid_block_add_attention = tensors.has("encoder.mid.attn_1.q.weight");
  return options;
}

CLIPTextOptions infer_clip_options(const SgmTensors& tensors) {
  CLIPTextOptions options =
      infer_text_options(tensors, {.tokens = "text_model.embeddings.token_embedding.weight",
                                   .positions = "text_model.embeddings.position_embedding.weight",
                                   .layers = "text_model.encoder.layers.",
                                   .norm = ".layer_norm1.weight",
                                   .mlp = ".mlp.fc1.weight"});
  options.projection_dim = options.hidden_size;
  return options;
}

CLIPTextOptions infer_open_clip_options(const SgmTensors& tensors) {
  CLIPTextOptions options = infer_text_options(tensors, {.tokens = "token_embedding.weight",
                                                         .positions = "positional_embedding",
                                                         .layers = "transformer.resblocks.",
                                                         .norm = ".ln_1.weight",
                                                         .mlp = ".mlp.c_fc.weight"});
  options.with_projection = true;
  options.projection_dim = tensors.side("text_projection", 1);
  options.hidden_act = "gelu";
  return options;
}

std::vector<std::string> untold_options(const UNet2DConditionOptions& options) {
  const UNet2DConditionOptions usual;
  std::vector<std::string> names;
  bool heads = true;
  for (int64_t level = 0; level < options.levels(); ++level) {
    heads &= options.attention_heads[level] * kHeadChannels == options.block_out_channels[level];
  }
  if (options.sample_size != usual.sample_size) names.emplace_back("unet sample_size");
  if (!heads) names.emplace_back("unet attention_head_dim");
  if (options.norm_num_groups != kGroups) names.emplace_back("unet norm_num_groups");
  if (options.norm_eps != usual.norm_eps) names.emplace_back("unet norm_eps");
  if (options.flip_sin_to_cos != usual.flip_sin_to_cos) names.emplace_back("unet flip_sin_to_cos");
  if (options.freq_shift != usual.freq_shift) names.emplace_back("unet freq_shift");
  if (options.addition_time_embed_dim != usual.addition_time_embed_dim) {
    names.emplace_back("unet addition_time_embed_dim");
  }
  return names;
}

std::vector<std::string> untold_options(const AutoencoderKLOptions& options) {
  const AutoencoderKLOptions usual;
  std::vector<std::string> names;
  if (options.norm_num_groups != kGroups) names.emplace_back("vae norm_num_groups");
  if (options.scaling_factor != usual.scaling_factor) names.emplace_back("vae scaling_factor");
  if (!options.latents_std.empty()) names.emplace_back("vae latents_mean and latents_std");
  return names;
}

std::vector<std::string> untold_options(const CLIPTextOptions& options) {
  const std::string name = options.with_projection ? "text_encoder_2 " : "text_encoder ";
  std::vector<std::string> names;
  if (options.num_attention_heads * kHeadChannels != options.hidden_size) names.push_back(name + "num_attention_heads");
  if (options.hidden_act != (options.with_projection ? "gelu" : "quick_gelu")) names.push_back(name + "hidden_act");
  if (options.layer_norm_eps != CLIPTextOptions().layer_norm_eps) names.push_back(name + "layer_norm_eps");
  return names;
}

std::vector<std::string> untold_options(const SchedulerOptions& options) {
  const SchedulerOptions usual;
  std::vector<std::string> names;
  if (options.num_train_timesteps != usual.num_train_timesteps) names.emplace_back("scheduler num_train_timesteps");
  if (options.beta_start != usual.beta_start) names.emplace_back("scheduler beta_start");
  if (options.beta_end != usual.beta_end) names.emplace_back("scheduler beta_end");
  if (options.beta_schedule != usual.beta_schedule) names.emplace_back("scheduler beta_schedule");
  if (options.timestep_spacing != (options.rescale_betas_zero_snr ? "trailing" : usual.timestep_spacing)) {
    names.emplace_back("scheduler timestep_spacing");
  }
  return names;
}

}  // namespace atelier

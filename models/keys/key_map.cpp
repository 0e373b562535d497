#include "models/keys/key_map.h"

#include "configs/base/text.h"

namespace atelier {
namespace {

using Rules = std::vector<std::pair<std::string, std::string>>;

/// The value of the longest key that is `path` or ends at one of its dots, and what of `path` follows it.
template <typename Map>
std::pair<const typename Map::mapped_type*, std::string_view> longest_rule(const Map& rules, std::string_view path) {
  std::string_view head = path;
  while (true) {
    const auto found = rules.find(head);
    if (found != rules.end()) return {&found->second, path.substr(head.size())};
    const size_t dot = head.rfind('.');
    if (dot == std::string_view::npos) return {nullptr, {}};
    head = head.substr(0, dot);
  }
}

// --- UNet ---

void add_unet_resnet(Rules& rules, const std::string& ours, const std::string& sgm) {
  rules.insert(rules.end(), {{ours + ".norm1", sgm + ".in_layers.0"},
                             {ours + ".conv1", sgm + ".in_layers.2"},
                             {ours + ".time_emb_proj", sgm + ".emb_layers.1"},
                             {ours + ".norm2", sgm + ".out_layers.0"},
                             {ours + ".conv2", sgm + ".out_layers.3"},
                             {ours + ".conv_shortcut", sgm + ".skip_connection"}});
}

// sgm numbers all blocks through: input_blocks.0 is conv_in, then one a ResNet block and one a downsampler. In each the
// ResNet block is member 0 and its transformer, if it has one, member 1.
void add_unet_down_blocks(Rules& rules, const UNet2DConditionOptions& options) {
  int64_t block = 1;
  for (int64_t level = 0; level < options.levels(); ++level) {
    const std::string ours = text("down_blocks.", level);
    for (int64_t i = 0; i < options.layers_per_block[level]; ++i, ++block) {
      add_unet_resnet(rules, text(ours, ".resnets.", i), text("input_blocks.", block, ".0"));
      if (!options.down_attention[level]) continue;
      rules.emplace_back(text(ours, ".attentions.", i), text("input_blocks.", block, ".1"));
    }
    if (level + 1 == options.levels()) continue;
    rules.emplace_back(ours + ".downsamplers.0.conv", text("input_blocks.", block++, ".0.op"));
  }
}

// output_blocks has one a ResNet block; the upsampler is the last member of its level's last one.
void add_unet_up_blocks(Rules& rules, const UNet2DConditionOptions& options) {
  int64_t block = 0;
  for (int64_t up = 0; up < options.levels(); ++up) {
    const std::string ours = text("up_blocks.", up);
    const int64_t layers = options.layers_per_block[options.levels() - 1 - up] + 1;
    for (int64_t i = 0; i < layers; ++i, ++block) {
      add_unet_resnet(rules, text(ours, ".resnets.", i), text("output_blocks.", block, ".0"));
      if (!options.up_attention[up]) continue;
      rules.emplace_back(text(ours, ".attentions.", i), text("output_blocks.", block, ".1"));
    }
    if (up + 1 == options.levels()) continue;
    const int member = options.up_attention[up] ? 2 : 1;
    rules.emplace_back(ours + ".upsamplers.0.conv", text("output_blocks.", block - 1, '.', member, ".conv"));
  }
}

// --- VAE ---

// A ResNet block keeps its members' names but for one.
void add_vae_resnet(Rules& rules, const std::string& ours, const std::string& sgm) {
  rules.emplace_back(ours, sgm);
  rules.emplace_back(ours + ".conv_shortcut", sgm + ".nin_shortcut");
}

void add_vae_half(Rules& rules, const std::string& half, const AutoencoderKLOptions& options) {
  rules.emplace_back(half + ".conv_in", half + ".conv_in");
  add_vae_resnet(rules, half + ".mid_block.resnets.0", half + ".mid.block_1");
  add_vae_resnet(rules, half + ".mid_block.resnets.1", half + ".mid.block_2");
  if (options.mid_block_add_attention) {
    const std::string ours = half + ".mid_block.attentions.0", sgm = half + ".mid.attn_1";
    rules.insert(rules.end(), {{ours + ".group_norm", sgm + ".norm"},
                               {ours + ".to_q", sgm + ".q"},
                               {ours + ".to_k", sgm + ".k"},
                               {ours + ".to_v", sgm + ".v"},
                               {ours + ".to_out.0", sgm + ".proj_out"}});
  }
  rules.emplace_back(half + ".conv_norm_out", half + ".norm_out");
  rules.emplace_back(half + ".conv_out", half + ".conv_out");
}

void add_vae_levels(Rules& rules, const AutoencoderKLOptions& options) {
  const int64_t levels = options.levels();
  for (int64_t level = 0; level < levels; ++level) {
    const std::string ours_down = text("encoder.down_blocks.", level), sgm_down = text("encoder.down.", level);
    for (int64_t i = 0; i < options.layers_per_block; ++i) {
      add_vae_resnet(rules, text(ours_down, ".resnets.", i), text(sgm_down, ".block.", i));
    }
    // sgm counts the decoder's levels as the encoder's, diffusers in the order in which they run.
    const std::string ours_up = text("decoder.up_blocks.", levels - 1 - level), sgm_up = text("decoder.up.", level);
    for (int64_t i = 0; i < options.layers_per_block + 1; ++i) {
      add_vae_resnet(rules, text(ours_up, ".resnets.", i), text(sgm_up, ".block.", i));
    }
    if (level + 1 < levels) rules.emplace_back(ours_down + ".downsamplers.0.conv", sgm_down + ".downsample.conv");
    if (level > 0) rules.emplace_back(ours_up + ".upsamplers.0.conv", sgm_up + ".upsample.conv");
  }
}

// --- open_clip ---

void add_open_clip_layer(Rules& rules, const std::string& ours, const std::string& sgm) {
  for (const char* kind : {"weight", "bias"}) {
    for (const char* part : {"q_proj", "k_proj", "v_proj"}) {
      rules.emplace_back(text(ours, ".self_attn.", part, '.', kind), text(sgm, ".attn.in_proj_", kind));
    }
  }
  rules.insert(rules.end(), {{ours + ".self_attn.out_proj", sgm + ".attn.out_proj"},
                             {ours + ".layer_norm1", sgm + ".ln_1"},
                             {ours + ".layer_norm2", sgm + ".ln_2"},
                             {ours + ".mlp.fc1", sgm + ".mlp.c_fc"},
                             {ours + ".mlp.fc2", sgm + ".mlp.c_proj"}});
}

}  // namespace

KeyMap::KeyMap(const Rules& diffusers_and_sgm) {
  for (const auto& [diffusers, sgm] : diffusers_and_sgm) {
    to_sgm_.emplace(diffusers, sgm);
    to_diffusers_[sgm].push_back(diffusers);
  }
}

std::optional<std::string> KeyMap::to_sgm(std::string_view diffusers) const {
  const auto [sgm, rest] = longest_rule(to_sgm_, diffusers);
  return sgm ? std::optional(text(*sgm, rest)) : std::nullopt;
}

std::optional<std::string> KeyMap::to_diffusers(std::string_view sgm) const {
  const std::vector<std::string> all = all_to_diffusers(sgm);
  return all.size() == 1 ? std::optional(all.front()) : std::nullopt;
}

std::vector<std::string> KeyMap::all_to_diffusers(std::string_view sgm) const {
  const auto [paths, rest] = longest_rule(to_diffusers_, sgm);
  std::vector<std::string> all;
  if (!paths) return all;
  for (const std::string& path : *paths) all.push_back(text(path, rest));
  return all;
}

KeyMap unet_key_map(const UNet2DConditionOptions& options) {
  Rules rules = {{"conv_in", "input_blocks.0.0"},
                 {"time_embedding.linear_1", "time_embed.0"},
                 {"time_embedding.linear_2", "time_embed.2"},
                 {"add_embedding.linear_1", "label_emb.0.0"},
                 {"add_embedding.linear_2", "label_emb.0.2"},
                 {"mid_block.attentions.0", "middle_block.1"},
                 {"conv_norm_out", "out.0"},
                 {"conv_out", "out.2"}};
  add_unet_resnet(rules, "mid_block.resnets.0", "middle_block.0");
  add_unet_resnet(rules, "mid_block.resnets.1", "middle_block.2");
  add_unet_down_blocks(rules, options);
  add_unet_up_blocks(rules, options);
  return KeyMap(rules);
}

KeyMap vae_key_map(const AutoencoderKLOptions& options) {
  Rules rules;
  if (options.use_quant_conv) rules.emplace_back("quant_conv", "quant_conv");
  if (options.use_post_quant_conv) rules.emplace_back("post_quant_conv", "post_quant_conv");
  add_vae_half(rules, "encoder", options);
  add_vae_half(rules, "decoder", options);
  add_vae_levels(rules, options);
  return KeyMap(rules);
}

KeyMap clip_key_map() { return KeyMap(Rules{{"text_model", "text_model"}}); }

KeyMap open_clip_key_map(const CLIPTextOptions& options) {
  Rules rules = {{"text_model.embeddings.token_embedding", "token_embedding"},
                 {"text_model.embeddings.position_embedding.weight", "positional_embedding"},
                 {"text_model.final_layer_norm", "ln_final"},
                 {"text_projection.weight", "text_projection"}};
  for (int64_t i = 0; i < options.num_hidden_layers; ++i) {
    add_open_clip_layer(rules, text("text_model.encoder.layers.", i), text("transformer.resblocks.", i));
  }
  return KeyMap(rules);
}

std::string current_clip_name(std::string_view key) {
  if (key.ends_with("embeddings.position_ids")) return {};
  const bool complete = key.starts_with("text_model.") || key.starts_with("text_projection.");
  return text(complete ? "" : "text_model.", key);
}

std::string current_vae_name(std::string_view key) {
  constexpr std::pair<std::string_view, std::string_view> kFormerNames[] = {
      {".query.", ".to_q."}, {".key.", ".to_k."}, {".value.", ".to_v."}, {".proj_attn.", ".to_out.0."}};
  std::string name(key);
  for (const auto& [former, current] : kFormerNames) {
    const size_t position = name.find(former);
    if (position != std::string::npos) name.replace(position, former.size(), current);
  }
  return name;
}

}  // namespace atelier

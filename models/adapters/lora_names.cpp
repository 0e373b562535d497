// Where LoRA goes, and kohya's names for it (docs/formats/lora_keys.md).
#include <algorithm>

#include "configs/base/text.h"
#include "models/adapters/lora.h"

namespace atelier {
namespace {

struct PathRule {
  std::string ours;  // "down_blocks.1.attentions.0"
  std::string sgm;   // "input_blocks.4.1"
};

/// The transformers of a UNet in diffusers' and in SDXL's original layout. The latter numbers all blocks through:
/// input_blocks.0 is conv_in, then one a ResNet block and one a downsampler; output_blocks has one a ResNet block. In
/// each the ResNet block is member 0 and its transformer member 1.
std::vector<PathRule> transformer_paths(const UNet2DConditionOptions& options) {
  std::vector<PathRule> rules;
  int64_t block = 1;
  for (int64_t level = 0; level < options.levels(); ++level) {
    for (int64_t i = 0; i < options.layers_per_block[level]; ++i, ++block) {
      if (!options.down_attention[level]) continue;
      rules.push_back({text("down_blocks.", level, ".attentions.", i), text("input_blocks.", block, ".1")});
    }
    if (level + 1 < options.levels()) ++block;  // the downsampler
  }
  rules.push_back({"mid_block.attentions.0", "middle_block.1"});
  block = 0;
  for (int64_t up = 0; up < options.levels(); ++up) {
    const int64_t layers = options.layers_per_block[options.levels() - 1 - up] + 1;
    for (int64_t i = 0; i < layers; ++i, ++block) {
      if (!options.up_attention[up]) continue;
      rules.push_back({text("up_blocks.", up, ".attentions.", i), text("output_blocks.", block, ".1")});
    }
  }
  return rules;
}

std::string with_underscores(std::string path) {
  std::replace(path.begin(), path.end(), '.', '_');
  return path;
}

}  // namespace

LoraNaming unet_lora_naming(const UNet2DConditionOptions& options) {
  return [rules = transformer_paths(options)](const std::string& path) -> std::optional<std::string> {
    for (const PathRule& rule : rules) {
      if (!path.starts_with(rule.ours + ".")) continue;
      return "lora_unet_" + with_underscores(rule.sgm + path.substr(rule.ours.size()));
    }
    return std::nullopt;
  };
}

LoraNaming text_encoder_lora_naming(int encoder) {
  return [prefix = text("lora_te", encoder, '_')](const std::string& path) -> std::optional<std::string> {
    const bool adapted = path.find(".self_attn.") != std::string::npos || path.find(".mlp.") != std::string::npos;
    return adapted ? std::optional(prefix + with_underscores(path)) : std::nullopt;
  };
}

}  // namespace atelier

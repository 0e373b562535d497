#include "models/options/unet_options.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "configs/base/text.h"
#include "models/options/config_json.h"

namespace atelier {
namespace {

using nlohmann::json;

constexpr size_t kMaxLevels = 8;

/// Keys of diffusers' config of which one value is built; null is "off" to diffusers.
const json& fixed_values() {
  static const json values = {
      {"act_fn", "silu"},
      {"addition_embed_type", "text_time"},
      {"attention_type", "default"},
      {"center_input_sample", false},
      {"class_embed_type", nullptr},
      {"class_embeddings_concat", false},
      {"conv_in_kernel", 3},
      {"conv_out_kernel", 3},
      {"cross_attention_norm", nullptr},
      {"downsample_padding", 1},
      {"dropout", 0.0},
      {"dual_cross_attention", false},
      {"encoder_hid_dim", nullptr},
      {"encoder_hid_dim_type", nullptr},
      {"mid_block_scale_factor", 1},
      {"mid_block_type", "UNetMidBlock2DCrossAttn"},
      {"num_attention_heads", nullptr},
      {"num_class_embeds", nullptr},
      {"only_cross_attention", false},
      {"resnet_out_scale_factor", 1.0},
      {"resnet_skip_time_act", false},
      {"resnet_time_scale_shift", "default"},
      {"time_cond_proj_dim", nullptr},
      {"time_embedding_act_fn", nullptr},
      {"time_embedding_dim", nullptr},
      {"time_embedding_type", "positional"},
      {"timestep_post_act", nullptr},
      {"upcast_attention", false},
  };
  return values;
}

/// Keys that are read, and keys that change nothing here: notes, and details of variants that fixed_values() excludes.
const std::set<std::string>& known_keys() {
  // clang-format off
  static const std::set<std::string> keys = {
      "sample_size", "in_channels", "out_channels", "block_out_channels", "down_block_types", "up_block_types",
      "layers_per_block", "transformer_layers_per_block", "reverse_transformer_layers_per_block", "attention_head_dim",
      "cross_attention_dim",
      "use_linear_projection", "norm_num_groups", "norm_eps", "flip_sin_to_cos", "freq_shift",
      "addition_time_embed_dim", "projection_class_embeddings_input_dim", "_class_name", "_diffusers_version",
      "_name_or_path", "addition_embed_type_num_heads", "mid_block_only_cross_attention"};
  // clang-format on
  return keys;
}

void check_the_variant(const ConfigJson& config) {
  for (const std::string& key : config.keys()) {
    const auto fixed = fixed_values().find(key);
    if (fixed != fixed_values().end()) {
      const bool null_is_off = fixed->is_null() || *fixed == false;
      if (!config.has(key) && !null_is_off) config.fail(key, text("not supported, only ", fixed->dump()));
      config.require(key, fixed->dump());
    } else if (!known_keys().contains(key) && config.has(key)) {
      config.fail(key, "unknown key");
    }
  }
  if (!config.has("addition_embed_type")) config.fail("addition_embed_type", "not supported, only \"text_time\"");
}

void require_entries(const ConfigJson& config, const std::string& key, size_t entries, size_t levels) {
  if (entries != levels) config.fail(key, text("must have one entry for each of the ", levels, " levels"));
}

/// One number for all levels, or one a level.
std::vector<int64_t> per_level(const ConfigJson& config, const std::string& key, size_t levels) {
  std::vector<int64_t> numbers = config.counts(key);
  if (numbers.size() == 1) numbers.resize(levels, numbers.front());
  require_entries(config, key, numbers.size(), levels);
  return numbers;
}

std::vector<bool> read_attention(const ConfigJson& config, const std::string& key, const std::string& plain,
                                 const std::string& with_attention, size_t levels) {
  const std::vector<std::string> names = config.strings(key);
  require_entries(config, key, names.size(), levels);
  std::vector<bool> attention;
  for (const std::string& name : names) {
    if (name != plain && name != with_attention) {
      config.fail(key, text("only ", plain, " and ", with_attention, " are supported"));
    }
    attention.push_back(name == with_attention);
  }
  return attention;
}

int64_t read_cross_attention_dim(const ConfigJson& config, size_t levels) {
  const std::vector<int64_t> dims = per_level(config, "cross_attention_dim", levels);
  for (const int64_t dim : dims) {
    if (dim != dims.front()) config.fail("cross_attention_dim", "must be the same at all levels");
  }
  return dims.front();
}

/// A count for which diffusers has no usable default.
int64_t required_count(const ConfigJson& config, const std::string& key) {
  if (!config.has(key)) config.fail(key, "must be given");
  return config.count(key, 1);
}

void check_consistency(const ConfigJson& config, const UNet2DConditionOptions& options) {
  for (int64_t level = 0; level < options.levels(); ++level) {
    const int64_t channels = options.block_out_channels[level];
    if (channels % options.norm_num_groups != 0) {
      config.fail("norm_num_groups", text("does not divide the ", channels, " channels of a level"));
    }
    if (channels % options.attention_heads[level] != 0) {
      config.fail("attention_head_dim",
                  text("the number of heads (diffusers' meaning of this key) does not divide ", channels, " channels"));
    }
  }
  if (options.projection_class_embeddings_input_dim <= options.addition_time_embed_dim) {
    config.fail("projection_class_embeddings_input_dim", "must be above addition_time_embed_dim");
  }
}

}  // namespace

UNet2DConditionOptions read_unet_options(const std::filesystem::path& path) {
  const ConfigJson config(path, "config.json");
  check_the_variant(config);
  UNet2DConditionOptions options;
  options.block_out_channels = config.counts("block_out_channels");
  const size_t levels = options.block_out_channels.size();
  if (levels < 1 || levels > kMaxLevels) {
    config.fail("block_out_channels", text("must have 1..", kMaxLevels, " entries"));
  }
  options.down_attention = read_attention(config, "down_block_types", "DownBlock2D", "CrossAttnDownBlock2D", levels);
  options.up_attention = read_attention(config, "up_block_types", "UpBlock2D", "CrossAttnUpBlock2D", levels);
  options.layers_per_block = per_level(config, "layers_per_block", levels);
  options.attention_heads = per_level(config, "attention_head_dim", levels);
  options.cross_attention_dim = read_cross_attention_dim(config, levels);
  options.addition_time_embed_dim = required_count(config, "addition_time_embed_dim");
  options.projection_class_embeddings_input_dim = required_count(config, "projection_class_embeddings_input_dim");
  // What follows has a default in diffusers; older files lack younger keys.
  options.transformer_layers_per_block.assign(levels, 1);
  if (config.has("transformer_layers_per_block")) {
    options.transformer_layers_per_block = per_level(config, "transformer_layers_per_block", levels);
  }
  if (config.has("reverse_transformer_layers_per_block")) {
    options.reverse_transformer_layers_per_block = per_level(config, "reverse_transformer_layers_per_block", levels);
  }
  options.sample_size = config.count("sample_size", options.sample_size);
  options.in_channels = config.count("in_channels", options.in_channels);
  options.out_channels = config.count("out_channels", options.out_channels);
  options.use_linear_projection = config.boolean("use_linear_projection", false);
  options.norm_num_groups = config.count("norm_num_groups", options.norm_num_groups);
  options.norm_eps = config.number("norm_eps", options.norm_eps);
  options.flip_sin_to_cos = config.boolean("flip_sin_to_cos", options.flip_sin_to_cos);
  options.freq_shift = config.number("freq_shift", options.freq_shift);
  check_consistency(config, options);
  return options;
}

std::string unet_config_json(const UNet2DConditionOptions& options) {
  const auto block_types = [](const std::vector<bool>& attention, const char* plain, const char* with_attention) {
    json names = json::array();
    for (const bool has : attention) names.push_back(has ? with_attention : plain);
    return names;
  };
  json config = fixed_values();
  config["_class_name"] = "UNet2DConditionModel";
  config["sample_size"] = options.sample_size;
  config["in_channels"] = options.in_channels;
  config["out_channels"] = options.out_channels;
  config["block_out_channels"] = options.block_out_channels;
  config["down_block_types"] = block_types(options.down_attention, "DownBlock2D", "CrossAttnDownBlock2D");
  config["up_block_types"] = block_types(options.up_attention, "UpBlock2D", "CrossAttnUpBlock2D");
  const std::vector<int64_t>& layers = options.layers_per_block;
  const bool same = std::all_of(layers.begin(), layers.end(), [&](int64_t count) { return count == layers.front(); });
  config["layers_per_block"] = same ? json(layers.front()) : json(layers);  // diffusers' LoRA readers add to it
  config["transformer_layers_per_block"] = options.transformer_layers_per_block;
  const std::vector<int64_t>& reverse = options.reverse_transformer_layers_per_block;
  config["reverse_transformer_layers_per_block"] = reverse.empty() ? json() : json(reverse);
  config["attention_head_dim"] = options.attention_heads;
  config["cross_attention_dim"] = options.cross_attention_dim;
  config["use_linear_projection"] = options.use_linear_projection;
  config["norm_num_groups"] = options.norm_num_groups;
  config["norm_eps"] = options.norm_eps;
  config["flip_sin_to_cos"] = options.flip_sin_to_cos;
  config["freq_shift"] = options.freq_shift;
  config["addition_time_embed_dim"] = options.addition_time_embed_dim;
  config["projection_class_embeddings_input_dim"] = options.projection_class_embeddings_input_dim;
  return config.dump(2) + "\n";
}

}  // namespace atelier

#include "models/options/unet_options.h"

#include <nlohmann/json.hpp>
#include <set>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

using nlohmann::json;

constexpr int64_t kMaxLevels = 8;

/// Keys of diffusers' config whose value must be the one given here (or null, where diffusers writes null for "off").
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
      {"reverse_transformer_layers_per_block", nullptr},
      {"time_cond_proj_dim", nullptr},
      {"time_embedding_act_fn", nullptr},
      {"time_embedding_dim", nullptr},
      {"time_embedding_type", "positional"},
      {"timestep_post_act", nullptr},
      {"upcast_attention", false},
  };
  return values;
}

/// Keys that change nothing here: a note, or a detail of a variant that fixed_values() excludes.
const std::set<std::string>& ignored_keys() {
  static const std::set<std::string> keys = {"_class_name", "_diffusers_version", "_name_or_path",
                                             "addition_embed_type_num_heads", "mid_block_only_cross_attention"};
  return keys;
}

/// Reads one config.json; every key that is asked for is marked as known.
class ConfigReader {
 public:
  explicit ConfigReader(std::filesystem::path file) : file_(std::move(file)) {
    config_ = json::parse(read_file(file_), nullptr, /*allow_exceptions=*/false);
    if (!config_.is_object()) throw WeightsError("config.json is not a JSON object", file_.string());
  }

  [[noreturn]] void fail(const std::string& key, const std::string& what) const {
    throw WeightsError(text(key, ": ", what), file_.string(), "Atelier builds UNets of the SDXL family");
  }

  bool has(const std::string& key) const { return config_.contains(key) && !config_[key].is_null(); }

  const json& at(const std::string& key) {
    known_.insert(key);
    if (!has(key)) fail(key, "missing");
    return config_[key];
  }

  int64_t positive(const std::string& key) { return positive_value(key, at(key)); }

  bool boolean(const std::string& key) {
    if (!at(key).is_boolean()) fail(key, "must be true or false");
    return config_[key].get<bool>();
  }

  double number(const std::string& key) {
    if (!at(key).is_number()) fail(key, "must be a number");
    return config_[key].get<double>();
  }

  std::vector<std::string> names(const std::string& key) {
    const json& value = at(key);
    if (!value.is_array()) fail(key, "must be a list of names");
    std::vector<std::string> names;
    for (const json& item : value) {
      if (!item.is_string()) fail(key, "must be a list of names");
      names.push_back(item.get<std::string>());
    }
    return names;
  }

  std::vector<int64_t> list(const std::string& key) {
    const json& value = at(key);
    if (!value.is_array()) fail(key, "must be a list of whole numbers");
    std::vector<int64_t> numbers;
    for (const json& item : value) numbers.push_back(positive_value(key, item));
    return numbers;
  }

  /// One number for all levels, or one a level.
  std::vector<int64_t> per_level(const std::string& key, size_t levels) {
    if (at(key).is_number()) return std::vector<int64_t>(levels, positive(key));
    std::vector<int64_t> numbers = list(key);
    if (numbers.size() != levels) fail(key, text("has ", numbers.size(), " entries for ", levels, " levels"));
    return numbers;
  }

  /// diffusers' default where the key is absent: older files lack younger keys.
  template <typename T, typename Read>
  void optional(const std::string& key, T& value, Read read) {
    known_.insert(key);
    if (has(key)) value = (this->*read)(key);
  }

  void check_the_rest() const {
    for (const auto& [key, value] : config_.items()) {
      if (known_.contains(key) || ignored_keys().contains(key)) continue;
      const auto fixed = fixed_values().find(key);
      if (fixed == fixed_values().end()) {
        if (!value.is_null()) fail(key, text("unknown key with the value ", value.dump()));
      } else if (value != *fixed && !value.is_null()) {
        fail(key, text(value.dump(), " is not supported, only ", fixed->dump()));
      }
    }
  }

 private:
  int64_t positive_value(const std::string& key, const json& value) const {
    constexpr int64_t kMost = 1 << 20;
    if (!value.is_number_integer() || value.get<int64_t>() < 1 || value.get<int64_t>() > kMost) {
      fail(key, text("must be whole and within 1..", kMost, ", is ", value.dump()));
    }
    return value.get<int64_t>();
  }

  std::filesystem::path file_;
  json config_;
  std::set<std::string> known_;
};

std::vector<bool> read_attention(ConfigReader& config, const std::string& key, const std::string& plain,
                                 const std::string& with_attention, size_t levels) {
  const std::vector<std::string> names = config.names(key);
  if (names.size() != levels) config.fail(key, text("has ", names.size(), " entries for ", levels, " levels"));
  std::vector<bool> attention;
  for (const std::string& name : names) {
    if (name != plain && name != with_attention) {
      config.fail(key, text(name, " is not supported, only ", plain, " and ", with_attention));
    }
    attention.push_back(name == with_attention);
  }
  return attention;
}

int64_t read_cross_attention_dim(ConfigReader& config, size_t levels) {
  const std::vector<int64_t> dims = config.per_level("cross_attention_dim", levels);
  for (const int64_t dim : dims) {
    if (dim != dims.front()) config.fail("cross_attention_dim", "must be the same at all levels");
  }
  return dims.front();
}

void check_consistency(const ConfigReader& config, const UNet2DConditionOptions& options) {
  for (int64_t level = 0; level < options.levels(); ++level) {
    const int64_t channels = options.block_out_channels[level];
    if (channels % options.norm_num_groups != 0) {
      config.fail("norm_num_groups", text(options.norm_num_groups, " does not divide ", channels, " channels"));
    }
    if (channels % options.attention_heads[level] != 0) {
      config.fail("attention_head_dim", text(options.attention_heads[level], " heads do not divide ", channels,
                                             " channels (diffusers means the number of heads by this key)"));
    }
  }
  if (options.projection_class_embeddings_input_dim <= 6 * options.addition_time_embed_dim) {
    config.fail("projection_class_embeddings_input_dim", "must be above 6 x addition_time_embed_dim");
  }
}

}  // namespace

UNet2DConditionOptions read_unet_options(const std::filesystem::path& path) {
  ConfigReader config(std::filesystem::is_directory(path) ? path / "config.json" : path);
  UNet2DConditionOptions options;
  options.block_out_channels = config.list("block_out_channels");
  const size_t levels = options.block_out_channels.size();
  if (levels < 1 || levels > kMaxLevels) config.fail("block_out_channels", text("must have 1..", kMaxLevels, " entries"));
  options.down_attention = read_attention(config, "down_block_types", "DownBlock2D", "CrossAttnDownBlock2D", levels);
  options.up_attention = read_attention(config, "up_block_types", "UpBlock2D", "CrossAttnUpBlock2D", levels);
  options.layers_per_block = config.per_level("layers_per_block", levels);
  options.transformer_layers_per_block.assign(levels, 1);
  if (config.has("transformer_layers_per_block")) {
    options.transformer_layers_per_block = config.per_level("transformer_layers_per_block", levels);
  }
  options.attention_heads = config.per_level("attention_head_dim", levels);
  options.cross_attention_dim = read_cross_attention_dim(config, levels);
  options.addition_time_embed_dim = config.positive("addition_time_embed_dim");
  options.projection_class_embeddings_input_dim = config.positive("projection_class_embeddings_input_dim");
  if (!config.has("addition_embed_type")) config.fail("addition_embed_type", "must be \"text_time\"");

  options.use_linear_projection = false;
  config.optional("use_linear_projection", options.use_linear_projection, &ConfigReader::boolean);
  config.optional("sample_size", options.sample_size, &ConfigReader::positive);
  config.optional("in_channels", options.in_channels, &ConfigReader::positive);
  config.optional("out_channels", options.out_channels, &ConfigReader::positive);
  config.optional("norm_num_groups", options.norm_num_groups, &ConfigReader::positive);
  config.optional("norm_eps", options.norm_eps, &ConfigReader::number);
  config.optional("flip_sin_to_cos", options.flip_sin_to_cos, &ConfigReader::boolean);
  config.optional("freq_shift", options.freq_shift, &ConfigReader::number);
  config.check_the_rest();
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
  config["layers_per_block"] = options.layers_per_block;
  config["transformer_layers_per_block"] = options.transformer_layers_per_block;
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

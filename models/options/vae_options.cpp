#include "models/options/vae_options.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "configs/base/text.h"
#include "models/options/config_json.h"

namespace atelier {
namespace {

using nlohmann::json;

constexpr size_t kMaxVaeLevels = 8;
constexpr int64_t kDctFactor = 8;  // the side of its blocks
constexpr const char* kClass = "AutoencoderKL";
constexpr const char* kDownBlock = "DownEncoderBlock2D";
constexpr const char* kUpBlock = "UpDecoderBlock2D";

/// Keys that are read, and notes that change nothing.
const std::set<std::string>& known_vae_keys() {
  static const std::set<std::string> keys = {
      "sample_size",      "in_channels",         "out_channels",   "latent_channels", "block_out_channels",
      "layers_per_block", "norm_num_groups",     "scaling_factor", "latents_mean",    "latents_std",
      "use_quant_conv",   "use_post_quant_conv", "force_upcast",   "act_fn",          "mid_block_add_attention",
      "down_block_types", "up_block_types",      "shift_factor",   "_class_name",     "_diffusers_version",
      "_name_or_path"};
  return keys;
}

void check_vae_variant(const ConfigJson& config) {
  for (const std::string& key : config.keys()) {
    if (!known_vae_keys().contains(key) && config.has(key)) config.fail(key, "unknown key");
  }
  if (config.string("_class_name", kClass) != kClass) config.fail("_class_name", "not supported, only AutoencoderKL");
  config.require("act_fn", "\"silu\"");
  config.require_off("shift_factor");  // latents of SD3 and Flux
}

void check_block_types(const ConfigJson& config, const std::string& key, const std::string& only, size_t levels) {
  const std::vector<std::string> names = config.strings(key);
  if (names.size() != levels) config.fail(key, text("must have one entry for each of the ", levels, " levels"));
  for (const std::string& name : names) {
    if (name != only) config.fail(key, text("not supported, only ", only));
  }
}

void check_vae_numbers(const ConfigJson& config, const AutoencoderKLOptions& options) {
  for (const int64_t channels : options.block_out_channels) {
    if (channels % options.norm_num_groups != 0) {
      config.fail("norm_num_groups", text("does not divide the ", channels, " channels of a level"));
    }
  }
  if (options.scaling_factor <= 0) config.fail("scaling_factor", "must be above 0");
  if (options.latents_mean.empty() != options.latents_std.empty()) {
    config.fail("latents_mean", "latents_mean and latents_std go together");
  }
  for (const char* key : {"latents_mean", "latents_std"}) {
    const auto entries = static_cast<int64_t>(config.numbers(key).size());
    if (entries != 0 && entries != options.latent_channels) config.fail(key, "must have one entry a latent channel");
  }
  const auto positive = [](double value) { return value > 0; };
  if (!std::all_of(options.latents_std.begin(), options.latents_std.end(), positive)) {
    config.fail("latents_std", "must be above 0");
  }
}

}  // namespace

AutoencoderKLOptions read_vae_options(const std::filesystem::path& path) {
  const ConfigJson config(path, "config.json");
  check_vae_variant(config);
  AutoencoderKLOptions options;
  options.block_out_channels = config.counts("block_out_channels");
  const size_t levels = options.block_out_channels.size();
  if (levels < 1 || levels > kMaxVaeLevels) {
    config.fail("block_out_channels", text("must have 1..", kMaxVaeLevels, " entries"));
  }
  check_block_types(config, "down_block_types", kDownBlock, levels);
  check_block_types(config, "up_block_types", kUpBlock, levels);
  // What follows has a default in diffusers, which is not always SDXL's.
  options.sample_size = config.count("sample_size", 32);
  options.in_channels = config.count("in_channels", 3);
  options.out_channels = config.count("out_channels", 3);
  options.latent_channels = config.count("latent_channels", 4);
  options.layers_per_block = config.count("layers_per_block", 1);
  options.norm_num_groups = config.count("norm_num_groups", 32);
  options.scaling_factor = config.number("scaling_factor", 0.18215);
  options.latents_mean = config.numbers("latents_mean");
  options.latents_std = config.numbers("latents_std");
  options.use_quant_conv = config.boolean("use_quant_conv", true);
  options.use_post_quant_conv = config.boolean("use_post_quant_conv", true);
  options.mid_block_add_attention = config.boolean("mid_block_add_attention", true);
  options.force_upcast = config.boolean("force_upcast", true);
  check_vae_numbers(config, options);
  return options;
}

std::string vae_config_json(const AutoencoderKLOptions& options) {
  const auto levels = static_cast<size_t>(options.levels());
  const auto or_null = [](const std::vector<double>& numbers) { return numbers.empty() ? json() : json(numbers); };
  const json config = {
      {"_class_name", kClass},
      {"act_fn", "silu"},
      {"block_out_channels", options.block_out_channels},
      {"down_block_types", std::vector<std::string>(levels, kDownBlock)},
      {"force_upcast", options.force_upcast},
      {"in_channels", options.in_channels},
      {"latent_channels", options.latent_channels},
      {"latents_mean", or_null(options.latents_mean)},
      {"latents_std", or_null(options.latents_std)},
      {"layers_per_block", options.layers_per_block},
      {"mid_block_add_attention", options.mid_block_add_attention},
      {"norm_num_groups", options.norm_num_groups},
      {"out_channels", options.out_channels},
      {"sample_size", options.sample_size},
      {"scaling_factor", options.scaling_factor},
      {"up_block_types", std::vector<std::string>(levels, kUpBlock)},
      {"use_post_quant_conv", options.use_post_quant_conv},
      {"use_quant_conv", options.use_quant_conv},
  };
  return config.dump(2) + "\n";
}

std::string dct_config_json() { return json{{"_class_name", "DctAutoencoder"}}.dump(2) + "\n"; }

std::string autoencoder_class(const std::filesystem::path& vae) {
  if (vae == "dct") return "DctAutoencoder";
  return ConfigJson(vae, "config.json").string("_class_name", "");
}

int64_t autoencoder_factor(const std::filesystem::path& vae) {
  return autoencoder_class(vae) == "DctAutoencoder" ? kDctFactor : read_vae_options(vae).factor();
}

}  // namespace atelier

#include "trainer/options/run_options.h"

#include <algorithm>
#include <optional>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "configs/schema/reader.h"
#include "configs/schema/writer.h"
#include "data/options/kohya_folders.h"
#include "models/keys/infer_options.h"
#include "models/keys/single_file_keys.h"
#include "models/options/sampler_names.h"
#include "models/options/unet_options.h"
#include "models/options/vae_options.h"

namespace atelier {

void describe(Section& section, SaveOptions& options) {
  section.field("every_n_steps", options.every_n_steps)
      .at_least(0)
      .unit("steps")
      .doc("A checkpoint every so many steps; 0: only at the end.");
  section.field("keep_last", options.keep_last).range(1, 1e6).doc("Checkpoints kept; older ones are removed.");
  section.field("precision", options.precision)
      .choices({"fp32", "fp16", "bf16"})
      .doc("Type of the weights in the product; checkpoints hold fp32.");
}

void describe(Section& section, SampleOptions& options) {
  section.field("every_n_steps", options.every_n_steps)
      .at_least(0)
      .unit("steps")
      .doc("Previews every so many steps; 0: none.");
  section.field("prompts", options.prompts)
      .path()
      .doc("File of prompts, one a line; flags in a line (--n, --w, --s, ...) go before what is said here.");
  section.field("width", options.width).range(8, 8192).unit("px").doc("Width of a preview.");
  section.field("height", options.height).range(8, 8192).unit("px").doc("Height of a preview.");
  section.field("steps", options.steps).range(1, 1000).unit("sampler steps").doc("Steps of the sampler.");
  section.field("guidance_scale", options.guidance_scale).range(0, 100).doc("Classifier-free guidance; 1: none.");
  section.field("guidance_rescale", options.guidance_rescale)
      .range(0, 1)
      .doc("How far strong guidance is kept from overexposing; 0.7 is usual with zero terminal SNR.");
  section.field("sampler", options.sampler)
      .choices({kSamplerNames.begin(), kSamplerNames.end()})
      .doc("Sampler of the previews.");
  section.field("seed", options.seed)
      .at_least(0)
      .doc("Seed of the first preview; the next has the next. A line's --d goes before it.");
}

void describe(Section& section, RunOptions& options) {
  section.field("output_dir", options.output_dir).doc("Folder of the run, relative to the current directory.");
  section.field("output_name", options.output_name).doc("Name of the product.");
  section.field("seed", options.seed).at_least(0).doc("Seed of every random draw of the run.");
  section.section("model", options.model).doc("What is trained.");
  section.section("network", options.network).doc("Adapters; absent: full fine-tuning.");
  section.section("dataset", options.dataset).doc("What it is trained on.");
  section.section("train", options.train).doc("How it is trained.");
  section.section("save", options.save).doc("What is kept.");
  section.section("sample", options.sample).doc("Previews while training.");
}

RunOptions read_run(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  RunOptions run = read_options<RunOptions>(path, overrides);
  expand_kohya_folders(run.dataset.sources);
  check_run(run, /*for_training=*/false);
  return run;
}

namespace {

void check_latent_cache(const RunOptions& run) {
  if (!run.dataset.cache.latents()) return;
  for (size_t i = 0; i < run.dataset.sources.size(); ++i) {
    const SourceOptions& source = run.dataset.sources[i];
    if (!loader_choices(run.dataset.loader, source).random_crop) continue;
    throw ConfigError(
        "crops that change from use to use cannot be cached",
        source.random_crop ? text("dataset.sources[", i, "].random_crop") : "dataset.loader.random_crop",
        "leave it out, or set dataset.cache_latents: off");
  }
}

/// What is trained answers differently at every step.
void check_text_cache(const RunOptions& run) {
  if (!run.dataset.cache.text_encoder_outputs()) return;
  const TrainOptions& train = run.train;
  const bool trained = run.network ? !run.network->network_train_unet_only
                                   : train.learning_rate_te1.value_or(train.learning_rate) > 0 ||
                                         train.learning_rate_te2.value_or(train.learning_rate) > 0;
  if (!trained) return;
  throw ConfigError("the outputs of text encoders that are trained cannot be cached",
                    "dataset.cache_text_encoder_outputs",
                    run.network ? "set network.network_train_unet_only: true"
                                : "set train.learning_rate_te1: 0 and train.learning_rate_te2: 0");
}

void check_masks(const RunOptions& run) {
  const auto has_masks = [&](const SourceOptions& source) {
    return loader_choices(run.dataset.loader, source).alpha_mask || source.mask_dir;
  };
  if (!run.train.masked_loss || std::ranges::any_of(run.dataset.sources, has_masks)) return;
  throw ConfigError("no source has masks", "train.masked_loss",
                    "set dataset.loader.alpha_mask, or alpha_mask or mask_dir of a source");
}

}  // namespace

void check_run(const RunOptions& run, bool for_training) {
  const BatchingOptions& batching = run.train.batching;
  if (run.output_name.empty() || run.output_name.find('/') != std::string::npos) {
    throw ConfigError("output_name must be a plain file name", "output_name: " + run.output_name);
  }
  if (batching.max_train_steps && batching.max_train_epochs) {
    throw ConfigError("max_train_steps and max_train_epochs exclude one another", "train", "give only one");
  }
  if (batching.global_batch_size && batching.gradient_accumulation_steps != 1) {
    throw ConfigError("global_batch_size decides the accumulation by itself", "train.gradient_accumulation_steps",
                      "leave one of the two out");
  }
  const int64_t tokens = run.train.prompts.max_token_length, chunk = PromptOptions::kChunkTokens;
  if (tokens % chunk != 0) {
    const int64_t below = tokens - tokens % chunk;
    throw ConfigError(text("captions are read in chunks of ", chunk, " tokens, so ", tokens, " cannot be their length"),
                      "train.max_token_length", text("set ", below, " or ", below + chunk));
  }
  check_latent_cache(run);
  check_text_cache(run);
  if (!for_training) return;
  if (!batching.max_train_steps && !batching.max_train_epochs) {
    throw ConfigError("the length of the run is not given", "train",
                      "set train.max_train_steps or train.max_train_epochs");
  }
  if (run.model.pretrained_model_name_or_path && run.model.config) {
    throw ConfigError("pretrained_model_name_or_path and config exclude one another", "model",
                      "give weights to start from, or a shape to start from random weights");
  }
  if (!run.model.pretrained_model_name_or_path && !run.model.config) {
    throw ConfigError("no model is given", "model", "set model.pretrained_model_name_or_path, or model.config");
  }
  if (run.network && (run.train.learning_rate_te1 || run.train.learning_rate_te2)) {
    throw ConfigError("learning_rate_te1 and learning_rate_te2 do not reach adapters", "train",
                      "adapters of all parts learn at unet_lr or learning_rate; network.network_train_unet_only leaves "
                      "the text encoders out");
  }
  check_masks(run);
  if (run.dataset.sources.empty()) throw ConfigError("no source of pictures is given", "dataset.sources");
  if (run.sample.every_n_steps > 0 && !run.sample.prompts) {
    throw ConfigError("previews need prompts", "sample.prompts", "name a file with one prompt a line");
  }
  const int64_t divisor = side_divisor(run);
  if (run.sample.every_n_steps > 0 && (run.sample.width % divisor != 0 || run.sample.height % divisor != 0)) {
    throw ConfigError(text("previews of ", run.sample.width, " x ", run.sample.height,
                           " px: this model draws sides of ", divisor, ", ", 2 * divisor, ", ... px"),
                      "sample.width, sample.height");
  }
}

namespace {

/// Pixels a latent of the VAE in a file of the sgm layout; nothing where there is none.
std::optional<int64_t> vae_factor_in(const SafetensorsFile& file) {
  const std::map<Part, std::string> parts = parts_of_file(file);
  const auto vae = parts.find(Part::kVae);
  if (vae == parts.end()) return std::nullopt;
  return infer_vae_options(SgmTensors(file, vae->second)).factor();
}

}  // namespace

std::filesystem::path manifest_dir(const RunOptions& run) {
  if (run.dataset.manifest_dir) return *run.dataset.manifest_dir;
  return std::filesystem::path(run.output_dir) / "manifest";
}

std::filesystem::path cache_dir(const RunOptions& run) {
  if (run.dataset.cache.cache_dir) return *run.dataset.cache.cache_dir;
  return std::filesystem::path(run.output_dir) / "cache";
}

int64_t side_divisor(const RunOptions& run) {
  constexpr int64_t kSdxlFactor = 8;
  const auto& path = run.model.config ? run.model.config : run.model.pretrained_model_name_or_path;
  if (!path) return kSdxlFactor;
  if (!std::filesystem::exists(*path))
    throw ConfigError("no such model", *path, "check model.config or model.pretrained_model_name_or_path");
  UNet2DConditionOptions unet;
  int64_t factor = kSdxlFactor;
  std::filesystem::path vae = run.model.vae.value_or("");
  if (std::filesystem::is_directory(*path)) {
    unet = read_unet_options(std::filesystem::path(*path) / "unet");
    if (vae.empty()) vae = std::filesystem::path(*path) / "vae";
  } else {
    const SafetensorsFile file(*path);
    const std::map<Part, std::string> parts = parts_of_file(file);
    if (parts.contains(Part::kUnet)) unet = infer_unet_options(SgmTensors(file, parts.at(Part::kUnet)));
    factor = vae_factor_in(file).value_or(kSdxlFactor);
  }
  if (vae == "dct" || std::filesystem::is_directory(vae)) {
    factor = autoencoder_factor(vae);
  } else if (std::filesystem::is_regular_file(vae)) {
    factor = vae_factor_in(SafetensorsFile(vae)).value_or(factor);
  }
  return factor << (unet.levels() - 1);
}

std::string resolved_yaml(RunOptions run) {
  Section section;
  describe(section, run);
  return write_yaml(section);
}

}  // namespace atelier

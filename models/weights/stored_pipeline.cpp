#include "models/weights/stored_pipeline.h"

#include <algorithm>
#include <array>
#include <memory>

#include "configs/base/error.h"
#include "configs/base/log.h"
#include "configs/base/text.h"
#include "models/keys/infer_options.h"
#include "models/keys/key_map.h"
#include "models/keys/model_kind.h"
#include "models/options/config_json.h"
#include "models/weights/weights.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

constexpr std::array kPipelineClasses = {"StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline",
                                         "StableDiffusionXLInpaintPipeline"};
// Of the very bytes of a file: wrong for any other.
constexpr std::array kHashKeys = {"modelspec.hash_sha256", "sshs_model_hash", "sshs_legacy_hash"};

void read_part_configurations(StoredPipeline& pipeline, const fs::path& folder) {
  const auto has = [&](Part part) { return fs::exists(folder / part_name(part) / "config.json"); };
  if (has(Part::kTextEncoder)) pipeline.text_encoder = read_clip_text_options(folder / "text_encoder");
  if (has(Part::kTextEncoder2)) pipeline.text_encoder_2 = read_clip_text_options(folder / "text_encoder_2");
  if (has(Part::kUnet)) pipeline.unet = read_unet_options(folder / "unet");
  if (has(Part::kVae) && autoencoder_class(folder / "vae") == "AutoencoderKL") {
    pipeline.vae = read_vae_options(folder / "vae");
  }
}

/// Those that are there, of what --config names.
void read_configurations(StoredPipeline& pipeline, const fs::path& folder) {
  read_part_configurations(pipeline, folder);
  if (fs::exists(folder / "scheduler" / "scheduler_config.json")) {
    pipeline.scheduler = read_scheduler_options(folder / "scheduler");
  }
}

/// What --config names holds at least one of a pipeline's configurations.
void require_configurations(const fs::path& folder) {
  constexpr std::array kFiles = {"text_encoder/config.json", "text_encoder_2/config.json", "unet/config.json",
                                 "vae/config.json", "scheduler/scheduler_config.json"};
  if (std::any_of(kFiles.begin(), kFiles.end(), [&](const char* file) { return fs::exists(folder / file); })) return;
  throw ConfigError(fs::is_directory(folder) ? "none of a pipeline's configurations is there" : "no such folder",
                    folder.string(), "name a diffusers pipeline's folder: unet/config.json, vae/config.json, ...");
}

void keep_metadata(StoredPipeline& pipeline, const std::map<std::string, std::string>& metadata) {
  pipeline.metadata = without_hashes(metadata);
  pipeline.metadata.erase("format");
}

// --- Diffusers folders ---

StoredPipeline open_folder(const fs::path& folder) {
  const ConfigJson index(folder, "model_index.json");
  index.choice("_class_name", "", {kPipelineClasses.begin(), kPipelineClasses.end()});
  StoredPipeline pipeline;
  pipeline.path = folder;
  read_part_configurations(pipeline, folder);
  pipeline.scheduler = read_scheduler_options(folder / "scheduler");
  const fs::path vae = folder / "vae";
  pipeline.dct_vae = fs::exists(vae / "config.json") && autoencoder_class(vae) == "DctAutoencoder";
  pipeline.refiner = !pipeline.text_encoder && pipeline.text_encoder_2;
  pipeline.force_zeros_for_empty_prompt = index.boolean("force_zeros_for_empty_prompt", true);
  const auto add = [&](bool there, Part part, const KeyRule& rule) {
    if (there) pipeline.tensors[part] = stored_tensors(folder / part_name(part), rule);
  };
  add(pipeline.text_encoder.has_value(), Part::kTextEncoder, current_clip_name);
  add(pipeline.text_encoder_2.has_value(), Part::kTextEncoder2, current_clip_name);
  add(pipeline.unet.has_value(), Part::kUnet, {});
  add(pipeline.vae.has_value(), Part::kVae, current_vae_name);
  if (pipeline.unet) keep_metadata(pipeline, SafetensorsFile(weight_files(folder / "unet").front()).metadata());
  return pipeline;
}

// --- Single files ---

/// One part of a single file, tensor by tensor into diffusers' names.
class PartReader {
 public:
  PartReader(std::shared_ptr<const SafetensorsFile> file, KeyMap keys)
      : file_(std::move(file)), keys_(std::move(keys)) {}

  /// The tensor at `key`, `sgm` being the key without the part's prefix.
  void add(const SafeTensorInfo& info, std::string_view sgm) {
    const std::vector<std::string> names = keys_.all_to_diffusers(sgm);
    if (names.empty()) {
      // Its own name: no parameter has it, and the check against the model says so.
      tensors_.push_back(tensor_of_file(file_, info, info.name));
    } else if (names.size() == 1) {
      add_one(tensor_of_file(file_, info, names.front()), sgm);
    } else {
      add_rows(tensor_of_file(file_, info, info.name), names);
    }
  }

  std::vector<TensorSource> take() { return std::move(tensors_); }

 private:
  void add_one(TensorSource source, std::string_view sgm) {
    const bool pointwise = source.shape.size() == 4 && source.shape[2] == 1 && source.shape[3] == 1;
    if (sgm == "text_projection" && source.shape.size() == 2) {
      source = transposed(std::move(source));
    } else if (pointwise && sgm.find(".attn_1.") != std::string_view::npos) {
      const std::vector<int64_t> matrix = {source.shape[0], source.shape[1]};
      source = reshaped(std::move(source), matrix);
    }
    tensors_.push_back(std::move(source));
  }

  void add_rows(const TensorSource& whole, const std::vector<std::string>& names) {
    const auto count = static_cast<int64_t>(names.size());
    if (whole.shape.empty() || whole.shape[0] % count != 0) {
      tensors_.push_back(whole);
      return;
    }
    const int64_t rows = whole.shape[0] / count;
    for (int64_t i = 0; i < count; ++i) {
      tensors_.push_back(rows_of(whole, i * rows, rows, names[static_cast<size_t>(i)]));
    }
  }

  std::shared_ptr<const SafetensorsFile> file_;
  KeyMap keys_;
  std::vector<TensorSource> tensors_;
};

void infer_options(StoredPipeline& pipeline, const SafetensorsFile& file, const std::map<Part, std::string>& parts) {
  for (const auto& [part, prefix] : parts) {
    const SgmTensors tensors(file, prefix);
    switch (part) {
      case Part::kTextEncoder:
        if (!pipeline.text_encoder) pipeline.text_encoder = infer_clip_options(tensors);
        break;
      case Part::kTextEncoder2:
        if (!pipeline.text_encoder_2) pipeline.text_encoder_2 = infer_open_clip_options(tensors);
        break;
      case Part::kUnet:
        if (!pipeline.unet) pipeline.unet = infer_unet_options(tensors);
        break;
      case Part::kVae:
        if (!pipeline.vae) pipeline.vae = infer_vae_options(tensors);
        break;
    }
  }
}

KeyMap keys_of(const StoredPipeline& pipeline, Part part) {
  switch (part) {
    case Part::kTextEncoder: return clip_key_map();
    case Part::kTextEncoder2: return open_clip_key_map(*pipeline.text_encoder_2);
    case Part::kUnet: return unet_key_map(*pipeline.unet);
    case Part::kVae: break;
  }
  return vae_key_map(*pipeline.vae);
}

/// Options without tensors (a configuration folder has more parts than the model) say nothing. `parts`: a map by Part.
template <typename Parts>
void forget_absent_parts(StoredPipeline& pipeline, const Parts& parts) {
  if (!parts.contains(Part::kTextEncoder)) pipeline.text_encoder.reset();
  if (!parts.contains(Part::kTextEncoder2)) pipeline.text_encoder_2.reset();
  if (!parts.contains(Part::kUnet)) pipeline.unet.reset();
  if (!parts.contains(Part::kVae)) pipeline.vae.reset();
}

/// What the file says about how it was trained, by markers or metadata.
void read_prediction(StoredPipeline& pipeline, const SafetensorsFile& file) {
  const auto said = file.metadata().find("modelspec.prediction_type");
  const bool velocity = said != file.metadata().end() && said->second == "v";
  if (velocity || file.find(kVPredictionMarker)) pipeline.scheduler.prediction_type = "v_prediction";
  if (!file.find(kZeroSnrMarker)) return;
  pipeline.scheduler.rescale_betas_zero_snr = true;
  pipeline.scheduler.timestep_spacing = "trailing";
}

void warn_of_ignored(const std::vector<std::string>& names, const fs::path& path) {
  constexpr size_t kMost = 12;
  if (names.empty()) return;
  const std::vector<std::string> shown(names.begin(), names.begin() + std::min(names.size(), kMost));
  log_warning(path.string(), ": ", names.size(),
              " tensors belong to no part of the model and are ignored: ", join(shown, ", "),
              names.size() > kMost ? ", ..." : "");
}

void add_tensors(StoredPipeline& pipeline, const std::shared_ptr<const SafetensorsFile>& file,
                 const std::map<Part, std::string>& parts) {
  std::map<Part, PartReader> readers;
  for (const auto& [part, prefix] : parts) readers.emplace(part, PartReader(file, keys_of(pipeline, part)));
  std::vector<std::string> ignored;
  for (const SafeTensorInfo& info : file->tensors()) {
    if (is_harmless_key(info.name)) {
      if (info.name.ends_with(kPositionIds)) pipeline.position_ids = tensor_of_file(file, info, info.name);
      if (info.name.ends_with(kLogitScale)) pipeline.logit_scale = tensor_of_file(file, info, info.name);
      continue;
    }
    const auto part = std::find_if(parts.begin(), parts.end(),
                                   [&](const auto& candidate) { return info.name.starts_with(candidate.second); });
    if (part == parts.end()) {
      ignored.push_back(info.name);
    } else {
      readers.at(part->first).add(info, std::string_view(info.name).substr(part->second.size()));
    }
  }
  for (auto& [part, reader] : readers) pipeline.tensors[part] = reader.take();
  warn_of_ignored(ignored, file->path());
}

/// Of any member of SDXL's family, whole or one part.
void require_sdxl(const SafetensorsFile& file, const std::map<Part, std::string>& parts) {
  const std::string family = guess_kind(file).family;
  const bool other = !family.empty() && !family.starts_with("sdxl");
  if (parts.empty() || other) require_sdxl_checkpoint(file);
}

StoredPipeline open_single_file(const fs::path& path, const std::optional<fs::path>& config) {
  const auto file = std::make_shared<const SafetensorsFile>(path);
  const std::map<Part, std::string> parts = parts_of_file(*file);
  require_sdxl(*file, parts);
  StoredPipeline pipeline;
  pipeline.path = path;
  pipeline.single_file = true;
  read_prediction(pipeline, *file);
  if (config) read_configurations(pipeline, *config);
  forget_absent_parts(pipeline, parts);
  infer_options(pipeline, *file, parts);
  pipeline.refiner = !pipeline.text_encoder && pipeline.text_encoder_2;
  pipeline.force_zeros_for_empty_prompt = !pipeline.refiner;
  add_tensors(pipeline, file, parts);
  keep_metadata(pipeline, file->metadata());
  return pipeline;
}

}  // namespace

std::map<std::string, std::string> without_hashes(std::map<std::string, std::string> metadata) {
  for (const char* key : kHashKeys) metadata.erase(key);
  return metadata;
}

StoredPipeline open_pipeline(const fs::path& path, const std::optional<fs::path>& config) {
  if (config) require_configurations(*config);
  if (!fs::is_directory(path)) return open_single_file(path, config);
  StoredPipeline pipeline = open_folder(path);
  if (config) read_configurations(pipeline, *config);
  forget_absent_parts(pipeline, pipeline.tensors);
  return pipeline;
}

}  // namespace atelier

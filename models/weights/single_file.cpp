#include "models/weights/single_file.h"

#include <ATen/ATen.h>

#include <cmath>
#include <set>
#include <utility>

#include "configs/base/clock.h"
#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/keys/infer_options.h"
#include "models/keys/key_map.h"
#include "models/weights/weights.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

// Where open_clip clamps it; nothing that draws pictures reads it.
const double kUsualLogitScale = std::log(100.0);

/// One part's tensors under sgm's names.
class PartWriter {
 public:
  PartWriter(KeyMap keys, std::string prefix, const std::vector<TensorSource>& sources)
      : keys_(std::move(keys)), prefix_(std::move(prefix)) {
    for (const TensorSource& source : sources) by_name_.emplace(source.name, &source);
  }

  void add_to(std::vector<TensorSource>& out) const {
    std::set<std::string> done;
    for (const auto& [name, source] : by_name_) {
      const std::optional<std::string> sgm = keys_.to_sgm(name);
      if (!sgm) throw WeightsError(text("the tensor ", name, " has no place in a single file"));
      if (done.insert(*sgm).second) out.push_back(make(*sgm));
    }
  }

 private:
  TensorSource make(const std::string& sgm) const {
    std::vector<TensorSource> sources;
    for (const std::string& name : keys_.all_to_diffusers(sgm)) {
      const auto found = by_name_.find(name);
      if (found == by_name_.end()) throw WeightsError(text("the tensor ", name, " is missing"));
      sources.push_back(*found->second);
    }
    if (sources.size() > 1) return stacked(std::move(sources), prefix_ + sgm);
    TensorSource source = std::move(sources.front());
    source.name = prefix_ + sgm;
    if (sgm == "text_projection") return transposed(std::move(source));
    const bool attention = sgm.find(".attn_1.") != std::string::npos && source.shape.size() == 2;
    if (!attention) return source;
    const std::vector<int64_t> pointwise = {source.shape[0], source.shape[1], 1, 1};
    return reshaped(std::move(source), pointwise);
  }

  KeyMap keys_;
  std::string prefix_;
  std::map<std::string, const TensorSource*> by_name_;
};

void require_parts(const StoredPipeline& pipeline) {
  std::vector<std::string> missing;
  if (!pipeline.unet) missing.emplace_back("a UNet");
  if (!pipeline.vae) missing.emplace_back("an AutoencoderKL (vae)");
  if (!pipeline.text_encoder && !pipeline.refiner) missing.emplace_back("the first text encoder (text_encoder)");
  if (!pipeline.text_encoder_2) missing.emplace_back("the second text encoder (text_encoder_2)");
  if (missing.empty()) return;
  throw WeightsError(text("a single file wants what this model lacks: ", join(missing, ", ")), pipeline.path.string());
}

TensorSource named(TensorSource source, std::string name) {
  source.name = std::move(name);
  return source;
}

TensorSource position_ids_of(const StoredPipeline& pipeline) {
  if (pipeline.position_ids) return *pipeline.position_ids;
  const at::Tensor positions = at::arange(pipeline.text_encoder->max_position_embeddings, at::kLong).unsqueeze(0);
  return tensor_at_hand(positions, "");
}

TensorSource logit_scale_of(const StoredPipeline& pipeline) {
  if (pipeline.logit_scale) return *pipeline.logit_scale;
  const SafeDtype dtype = pipeline.tensors.at(Part::kTextEncoder2).front().dtype;
  return tensor_at_hand(at::scalar_tensor(kUsualLogitScale, at::kFloat).to(scalar_type(dtype)), "");
}

}  // namespace

std::vector<TensorSource> single_file_tensors(const StoredPipeline& pipeline) {
  require_parts(pipeline);
  std::vector<TensorSource> out;
  const auto add = [&](Part part, KeyMap keys) {
    PartWriter(std::move(keys), std::string(part_prefix(part, pipeline.refiner)), pipeline.tensors.at(part))
        .add_to(out);
  };
  const auto key = [&](Part part, std::string_view name) { return text(part_prefix(part, pipeline.refiner), name); };
  if (pipeline.text_encoder) {
    add(Part::kTextEncoder, clip_key_map());
    out.push_back(named(position_ids_of(pipeline), key(Part::kTextEncoder, kPositionIds)));
  }
  add(Part::kTextEncoder2, open_clip_key_map(*pipeline.text_encoder_2));
  out.push_back(named(logit_scale_of(pipeline), key(Part::kTextEncoder2, kLogitScale)));
  add(Part::kVae, vae_key_map(*pipeline.vae));
  add(Part::kUnet, unet_key_map(*pipeline.unet));
  const at::Tensor marker = at::empty({0}, at::kHalf);
  if (pipeline.scheduler.prediction_type == "v_prediction") {
    out.push_back(tensor_at_hand(marker, std::string(kVPredictionMarker)));
  }
  if (pipeline.scheduler.rescale_betas_zero_snr) out.push_back(tensor_at_hand(marker, std::string(kZeroSnrMarker)));
  return out;
}

std::map<std::string, std::string> single_file_metadata(const StoredPipeline& pipeline, const std::string& title) {
  std::map<std::string, std::string> metadata = pipeline.metadata;
  const bool velocity = pipeline.scheduler.prediction_type == "v_prediction";
  metadata["format"] = "pt";
  metadata["modelspec.prediction_type"] = velocity ? "v" : "epsilon";
  // What is there already knows better.
  metadata.insert(
      {{"modelspec.sai_model_spec", "1.0.1"},
       {"modelspec.architecture", pipeline.refiner ? "stable-diffusion-xl-v1-refiner" : "stable-diffusion-xl-v1-base"},
       {"modelspec.implementation", "https://github.com/Stability-AI/generative-models"},
       {"modelspec.title", title},
       {"modelspec.resolution", "1024x1024"},
       {"modelspec.date", utc_now()}});
  return metadata;
}

std::vector<std::string> untold_options(const StoredPipeline& pipeline) {
  std::vector<std::string> names;
  const auto add = [&names](const auto& options) {
    if (!options) return;
    for (std::string& name : untold_options(*options)) names.push_back(std::move(name));
  };
  add(pipeline.text_encoder);
  add(pipeline.text_encoder_2);
  add(pipeline.unet);
  add(pipeline.vae);
  add(std::optional(pipeline.scheduler));
  if (pipeline.force_zeros_for_empty_prompt == pipeline.refiner) names.emplace_back("force_zeros_for_empty_prompt");
  return names;
}

bool fits_single_file(const StoredPipeline& pipeline) {
  return pipeline.text_encoder && pipeline.text_encoder_2 && pipeline.unet && pipeline.vae &&
         untold_options(pipeline).empty();
}

}  // namespace atelier

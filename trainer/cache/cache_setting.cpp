#include "trainer/cache/cache_setting.h"

#include <ATen/ATen.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "configs/base/atomic_file.h"
#include "configs/base/hash.h"
#include "configs/base/text.h"
#include "configs/schema/field.h"
#include "configs/schema/writer.h"
#include "models/autoencoder/autoencoder_kl.h"
#include "models/clip/clip_text_model.h"
#include "models/module.h"
#include "trainer/cache/cache_locks.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

/// Raised when the records' layout changes.
constexpr int64_t kSchemeVersion = 1;

void add_tensor(ContentHasher& hasher, const std::string& name, const at::Tensor& tensor) {
  const at::Tensor bytes = tensor.detach().cpu().contiguous();
  hasher.update_field(name);
  hasher.update_field(at::toString(bytes.scalar_type()));
  hasher.update(std::span(static_cast<const std::byte*>(bytes.const_data_ptr()), bytes.nbytes()));
}

/// Of the parameters whose names `wanted` takes.
template <typename Wanted>
std::string weights_hash(const Module& module, Wanted wanted) {
  ContentHasher hasher;
  module.for_each_parameter(Module::ConstVisit([&](const std::string& name, const at::Tensor& tensor) {
    if (wanted(name)) add_tensor(hasher, name, tensor);
  }));
  return hasher.hex();
}

/// A VAE whose decoder alone was tuned encodes as before.
bool is_of_encoder(std::string_view name) { return name.starts_with("encoder.") || name.starts_with("quant_conv."); }

std::string type_of(const Module& module) {
  std::string type = "none";
  module.for_each_parameter(Module::ConstVisit(
      [&](const std::string&, const at::Tensor& tensor) { type = at::toString(tensor.scalar_type()); }));
  return type;
}

nlohmann::ordered_json text_encoder_json(const CLIPTextModel* encoder) {
  if (!encoder) return nullptr;
  return {{"weights", weights_hash(*encoder, [](const std::string&) { return true; })},
          {"computes_in", type_of(*encoder)}};
}

}  // namespace

fs::path CacheSetting::open(const fs::path& cache_dir) const {
  const fs::path folder = cache_dir / text(kind, '-', content_hash(json).substr(0, 16));
  const CacheLocks locks(folder);
  const RangeLock::Hold writing = locks.writing_shared_files();  // all processes of a run are here at the same time
  if (!fs::exists(folder / "setting.json")) write_file_atomically(folder / "setting.json", json);
  return folder;
}

SafeDtype cache_dtype(const CacheOptions& options) {
  if (options.cache_dtype == "fp32") return SafeDtype::kF32;
  return options.cache_dtype == "bf16" ? SafeDtype::kBF16 : SafeDtype::kF16;
}

CacheSetting latent_setting(const Autoencoder& autoencoder, const CacheOptions& options) {
  nlohmann::ordered_json json = {{"version", kSchemeVersion},
                                 {"dtype", safe_dtype_name(cache_dtype(options))},
                                 {"autoencoder", autoencoder.class_name()}};
  if (const auto* kl = dynamic_cast<const AutoencoderKL*>(&autoencoder)) {
    json["config"] = nlohmann::ordered_json::parse(vae_config_json(kl->options()));
    json["weights"] = weights_hash(kl->weights(), is_of_encoder);
    json["computes_in"] = at::toString(kl->compute_type());
  }
  return {"latents", json.dump(1) + "\n"};
}

CacheSetting text_setting(const StableDiffusionXL& model, const PromptOptions& prompts, const CacheOptions& options) {
  PromptOptions reading = prompts;
  Section section;
  describe_prompts(section, reading);
  const nlohmann::ordered_json json = {{"version", kSchemeVersion},
                                       {"dtype", safe_dtype_name(cache_dtype(options))},
                                       {"text_encoder", text_encoder_json(model.text_encoder.get())},
                                       {"text_encoder_2", text_encoder_json(model.text_encoder_2.get())},
                                       {"prompts", write_yaml(section)}};
  return {"texts", json.dump(1) + "\n"};
}

}  // namespace atelier

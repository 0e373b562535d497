#include "models/pipeline/stable_diffusion_xl.h"

#include <ATen/ATen.h>

#include "configs/base/error.h"
#include "configs/base/random.h"
#include "configs/base/text.h"
#include "models/autoencoder/autoencoder_kl.h"
#include "models/clip/clip_text_model.h"
#include "models/options/config_json.h"
#include "models/pipeline/components.h"
#include "models/pipeline/stored_in_memory.h"
#include "models/schedulers/samplers.h"
#include "models/unet/unet_2d_condition.h"
#include "models/weights/pipeline_folder.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

// What model_index.json and the folder say; a component that is null there, or has no folder, is absent.
void require_pipeline_folder(const fs::path& folder) {
  const ConfigJson index(folder, "model_index.json");
  if (index.string("_class_name", "") != "StableDiffusionXLPipeline") {
    index.fail("_class_name", "only StableDiffusionXLPipeline is supported");
  }
}

// Of a folder: its own vae/, unless another is named.
fs::path vae_source(const fs::path& folder, const std::string& vae) {
  return vae.empty() ? folder / "vae" : fs::path(vae);
}

// "dct", a folder, or a file in the sgm layout; `seed` as for make_autoencoder().
std::unique_ptr<Autoencoder> open_autoencoder(const fs::path& vae, std::optional<uint64_t> seed = {}) {
  if (fs::is_regular_file(vae)) return load_vae(vae);
  return make_autoencoder(vae, seed);
}

// The pipeline's own, unless `vae` names another.
std::unique_ptr<Autoencoder> autoencoder_of(const StoredPipeline& stored, const std::string& vae) {
  if (vae.empty() && stored.vae) return load_vae(stored);
  return open_autoencoder(vae_source(stored.path, vae));
}

void require_whole_pipeline(const StoredPipeline& stored, const std::string& vae) {
  std::vector<std::string> missing;
  if (!stored.unet) missing.emplace_back("a UNet");
  if (!stored.text_encoder && !stored.text_encoder_2) missing.emplace_back("a text encoder");
  if (stored.single_file && !stored.vae && vae.empty()) missing.emplace_back("a VAE (another may be named: vae)");
  if (missing.empty()) return;
  throw WeightsError(text("this model lacks ", join(missing, " and ")), stored.path.string(),
                     "give a whole checkpoint or a diffusers pipeline folder");
}

// Sizes that must agree between the parts, so that a mismatch is told here and not by a matrix product.
void check_components(const StableDiffusionXL& model, const fs::path& folder) {
  int64_t width = 0;
  for (const CLIPTextModel* encoder : {model.text_encoder.get(), model.text_encoder_2.get()}) {
    if (encoder) width += encoder->options().hidden_size;
  }
  if (width == 0) throw WeightsError("the model has no text encoder", folder.string());
  const UNet2DConditionOptions& unet = model.unet->options();
  const auto require_equal = [&](int64_t have, int64_t want, std::string_view what) {
    if (have != want)
      throw WeightsError(text(what, ": the UNet wants ", want, ", the rest gives ", have), folder.string());
  };
  require_equal(width, unet.cross_attention_dim, "width of the text encoders together");
  const int64_t count = model.time_ids_count() == kRefinerTimeIds ? kRefinerTimeIds : kTimeIds;
  require_equal(model.pooled_width() + count * unet.addition_time_embed_dim,
                unet.projection_class_embeddings_input_dim, "pooled text and sizes");
  require_equal(model.autoencoder->channels(), unet.in_channels, "channels of the latents");
}

}  // namespace

StableDiffusionXL::StableDiffusionXL() = default;
StableDiffusionXL::~StableDiffusionXL() = default;
StableDiffusionXL::StableDiffusionXL(StableDiffusionXL&&) noexcept = default;
StableDiffusionXL& StableDiffusionXL::operator=(StableDiffusionXL&&) noexcept = default;

StableDiffusionXL StableDiffusionXL::load(const fs::path& path, const std::string& vae) {
  return load(open_pipeline(path), vae);
}

StableDiffusionXL StableDiffusionXL::load(const StoredPipeline& stored, const std::string& vae) {
  StableDiffusionXL model = load_encoders(stored, vae);
  model.unet = load_unet(stored);
  check_components(model, stored.path);
  return model;
}

StableDiffusionXL StableDiffusionXL::load_encoders(const StoredPipeline& stored, const std::string& vae) {
  require_whole_pipeline(stored, vae);
  StableDiffusionXL model;
  model.scheduler = stored.scheduler;
  model.force_zeros_for_empty_prompt = stored.force_zeros_for_empty_prompt;
  model.autoencoder = autoencoder_of(stored, vae);
  if (stored.text_encoder) model.text_encoder = load_text_encoder(stored, Part::kTextEncoder);
  if (stored.text_encoder_2) model.text_encoder_2 = load_text_encoder(stored, Part::kTextEncoder2);
  return model;
}

StableDiffusionXL StableDiffusionXL::from_config(const fs::path& folder, uint64_t seed, const std::string& vae) {
  StableDiffusionXL model = encoders_from_config(folder, seed, vae);
  model.unet = std::make_unique<UNet2DConditionModel>(read_unet_options(folder / "unet"));
  initialize(*model.unet, random_key(seed, "unet"));
  check_components(model, folder);
  return model;
}

StableDiffusionXL StableDiffusionXL::encoders_from_config(const fs::path& folder, uint64_t seed,
                                                          const std::string& vae) {
  require_pipeline_folder(folder);
  // Each part has its own key: equal names in the two encoders must not draw equal values.
  const auto encoder = [&](const char* name) -> std::unique_ptr<CLIPTextModel> {
    if (!fs::is_directory(folder / name)) return nullptr;
    auto result = std::make_unique<CLIPTextModel>(read_clip_text_options(folder / name));
    initialize(*result, random_key(seed, name));
    return result;
  };
  StableDiffusionXL model;
  model.scheduler = read_scheduler_options(folder / "scheduler");
  model.autoencoder = open_autoencoder(vae_source(folder, vae), seed);
  model.text_encoder = encoder("text_encoder");
  model.text_encoder_2 = encoder("text_encoder_2");
  // A folder that does not say: diffusers zeroes then, but a model that learns from nothing learns "no text" as the
  // encoded empty caption.
  const ConfigJson index(folder, "model_index.json");
  model.force_zeros_for_empty_prompt = index.boolean("force_zeros_for_empty_prompt", false);
  return model;
}

void StableDiffusionXL::save_pretrained(const fs::path& folder, SafeDtype dtype) const {
  WriteOptions options;
  options.dtype = dtype;
  write_pipeline_folder(stored_in_memory(*this), folder, options);
}

int64_t StableDiffusionXL::pooled_width() const {
  const CLIPTextOptions& options = (text_encoder_2 ? text_encoder_2 : text_encoder)->options();
  return options.with_projection ? options.projection_dim : options.hidden_size;
}

int64_t StableDiffusionXL::time_ids_count() const {
  const UNet2DConditionOptions& options = unet->options();
  return (options.projection_class_embeddings_input_dim - pooled_width()) / options.addition_time_embed_dim;
}

void StableDiffusionXL::place_frozen(at::Device device, at::ScalarType type) {
  for (Module* part : {static_cast<Module*>(text_encoder.get()), static_cast<Module*>(text_encoder_2.get()),
                       static_cast<Module*>(unet.get())}) {
    if (part) part->place_frozen(device, type);
  }
  autoencoder->place(device, type);
}

}  // namespace atelier

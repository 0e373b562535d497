#include "models/pipeline/stable_diffusion_xl.h"

#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/random.h"
#include "configs/base/text.h"
#include "models/clip/clip_text_model.h"
#include "models/options/config_json.h"
#include "models/schedulers/samplers.h"
#include "models/unet/unet_2d_condition.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

// What model_index.json and the folder say; a component that is null there, or has no folder, is absent.
void require_pipeline_folder(const fs::path& folder) {
  if (fs::is_regular_file(folder)) {
    throw WeightsError("single-file checkpoints are not supported yet", folder.string(),
                       "give a diffusers pipeline folder (with model_index.json)");
  }
  const ConfigJson index(folder, "model_index.json");
  if (index.string("_class_name", "") != "StableDiffusionXLPipeline") {
    index.fail("_class_name", "only StableDiffusionXLPipeline is supported");
  }
}

// Of a folder: its own vae/, unless another is named.
fs::path vae_source(const fs::path& folder, const std::string& vae) {
  return vae.empty() ? folder / "vae" : fs::path(vae);
}

// Sizes that must agree between the parts, so that a mismatch is told here and not by a matrix product.
void check_components(const StableDiffusionXL& model, const fs::path& folder) {
  int64_t width = 0, pooled = 0;
  for (const CLIPTextModel* encoder : {model.text_encoder.get(), model.text_encoder_2.get()}) {
    if (!encoder) continue;
    const CLIPTextOptions& options = encoder->options();
    width += options.hidden_size;
    pooled = options.with_projection ? options.projection_dim : options.hidden_size;
  }
  if (width == 0) throw WeightsError("the model has no text encoder", folder.string());
  const UNet2DConditionOptions& unet = model.unet->options();
  const auto require_equal = [&](int64_t have, int64_t want, std::string_view what) {
    if (have != want)
      throw WeightsError(text(what, ": the UNet wants ", want, ", the rest gives ", have), folder.string());
  };
  require_equal(width, unet.cross_attention_dim, "width of the text encoders together");
  require_equal(pooled + 6 * unet.addition_time_embed_dim, unet.projection_class_embeddings_input_dim,
                "pooled text and six sizes");
  require_equal(model.autoencoder->channels(), unet.in_channels, "channels of the latents");
}

at::Tensor to_bytes(const at::Tensor& pixels) {
  const at::Tensor scaled = pixels.to(at::kFloat).add(1).mul(127.5).round().clamp(0, 255);
  return scaled.to(at::kByte).permute({0, 2, 3, 1}).contiguous().cpu();
}

}  // namespace

at::Tensor make_time_ids(std::span<const SizeConditioning> sizes) {
  std::vector<float> values;
  for (const SizeConditioning& size : sizes) {
    for (const int64_t value : {size.original_height, size.original_width, size.crop_top, size.crop_left,
                                size.target_height, size.target_width}) {
      values.push_back(static_cast<float>(value));
    }
  }
  return at::tensor(values).view({-1, 6});
}

StableDiffusionXL::StableDiffusionXL() = default;
StableDiffusionXL::~StableDiffusionXL() = default;
StableDiffusionXL::StableDiffusionXL(StableDiffusionXL&&) noexcept = default;
StableDiffusionXL& StableDiffusionXL::operator=(StableDiffusionXL&&) noexcept = default;

StableDiffusionXL StableDiffusionXL::load(const fs::path& folder, const std::string& vae) {
  require_pipeline_folder(folder);
  const auto encoder = [&](const char* name) {
    return fs::is_directory(folder / name) ? CLIPTextModel::from_pretrained(folder / name) : nullptr;
  };
  StableDiffusionXL model;
  model.scheduler = read_scheduler_options(folder / "scheduler");
  model.autoencoder = make_autoencoder(vae_source(folder, vae));
  model.text_encoder = encoder("text_encoder");
  model.text_encoder_2 = encoder("text_encoder_2");
  model.unet = UNet2DConditionModel::from_pretrained(folder / "unet");
  check_components(model, folder);
  return model;
}

StableDiffusionXL StableDiffusionXL::from_config(const fs::path& folder, uint64_t seed, const std::string& vae) {
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
  model.autoencoder = make_autoencoder(vae_source(folder, vae));
  model.text_encoder = encoder("text_encoder");
  model.text_encoder_2 = encoder("text_encoder_2");
  model.unet = std::make_unique<UNet2DConditionModel>(read_unet_options(folder / "unet"));
  initialize(*model.unet, random_key(seed, "unet"));
  check_components(model, folder);
  return model;
}

void StableDiffusionXL::save_pretrained(const fs::path& folder, SafeDtype dtype) const {
  fs::create_directories(folder / "scheduler");
  using Json = nlohmann::ordered_json;
  Json index = {{"_class_name", "StableDiffusionXLPipeline"}};
  const auto save_encoder = [&](const char* name, const CLIPTextModel* encoder) {
    if (!encoder) return;
    index[name] = Json::array({"transformers", encoder->class_name()});
    encoder->save_pretrained(folder / name, dtype);
  };
  save_encoder("text_encoder", text_encoder.get());
  save_encoder("text_encoder_2", text_encoder_2.get());
  index["unet"] = Json::array({"diffusers", "UNet2DConditionModel"});
  unet->save_pretrained(folder / "unet", dtype);
  index["scheduler"] = Json::array({"diffusers", scheduler.class_name});
  write_scheduler_options(scheduler, folder / "scheduler");
  index["vae"] = Json::array({"atelier", autoencoder->class_name()});
  save_autoencoder(*autoencoder, folder / "vae");
  write_file_atomically(folder / "model_index.json", index.dump(2) + "\n");
}

void StableDiffusionXL::place_frozen(at::Device device, at::ScalarType type) {
  for (Module* part : {static_cast<Module*>(text_encoder.get()), static_cast<Module*>(text_encoder_2.get()),
                       static_cast<Module*>(unet.get())}) {
    if (part) part->place_frozen(device, type);
  }
}

Conditioning StableDiffusionXL::encode(const at::Tensor& input_ids_1, const at::Tensor& input_ids_2) const {
  if (!text_encoder_2) {
    const CLIPTextOutput output = text_encoder->forward(input_ids_1);
    return {output.penultimate_hidden_state, output.pooled};
  }
  const CLIPTextOutput second = text_encoder_2->forward(input_ids_2);
  if (!text_encoder) return {second.penultimate_hidden_state, second.pooled};
  const at::Tensor first = text_encoder->penultimate_hidden_state(input_ids_1);
  return {at::cat({first, second.penultimate_hidden_state}, -1), second.pooled};
}

at::Tensor StableDiffusionXL::initial_noise(const GenerateOptions& options, std::span<const uint64_t> seeds) const {
  const int64_t factor = autoencoder->factor();
  const auto side = [&](int64_t pixels, const char* name) {
    if (pixels == 0) return unet->options().sample_size;
    if (pixels > 0 && pixels % factor == 0) return pixels / factor;
    throw ConfigError(text("a picture cannot have a side of ", pixels, " px"), name,
                      text("sides are multiples of ", factor));
  };
  const std::vector<int64_t> shape{autoencoder->channels(), side(options.height, "height"),
                                   side(options.width, "width")};
  at::Tensor noise = at::empty({static_cast<int64_t>(seeds.size()), shape[0], shape[1], shape[2]}, at::kFloat);
  if (options.noise.defined()) {
    if (options.noise.sizes() != noise.sizes())
      throw ConfigError(text("the noise has the shape ", options.noise.sizes(), ", wanted ", noise.sizes()), "noise");
    return options.noise;
  }
  for (size_t i = 0; i < seeds.size(); ++i) {
    at::Tensor picture = noise[static_cast<int64_t>(i)];
    fill_normal(random_key(seeds[i], "sample noise"), picture.mutable_data_ptr<float>(), picture.numel());
  }
  return noise;
}

at::Tensor StableDiffusionXL::generate(const GenerateOptions& options, const Conditioning& conditioning,
                                       const Conditioning& negative, std::span<const uint64_t> seeds) const {
  const at::NoGradGuard no_grad;
  const at::Tensor noise = initial_noise(options, seeds);
  const int64_t height = noise.size(2) * autoencoder->factor(), width = noise.size(3) * autoencoder->factor();
  const NoiseSchedule schedule(scheduler);
  const Sampler& sampler = find_sampler(options.sampler, scheduler);
  const bool guided = options.guidance_scale > 1;
  const at::ScalarType compute_type = conditioning.encoder_hidden_states.scalar_type();
  // A sampler adds many small steps and sides do not fit bf16's 8 bits: both stay fp32 whatever the UNet computes in.
  const at::TensorOptions exact = conditioning.encoder_hidden_states.options().dtype(at::kFloat);

  // With guidance the negative half goes through the UNet in the same call, first as in diffusers.
  const auto both = [&](const at::Tensor& positive, const at::Tensor& other) {
    return guided ? at::cat({other, positive}) : positive;
  };
  const at::Tensor states = both(conditioning.encoder_hidden_states, negative.encoder_hidden_states);
  const at::Tensor embeds = both(conditioning.text_embeds, negative.text_embeds);
  const SizeConditioning size{height, width, 0, 0, height, width};
  const at::Tensor time_ids = make_time_ids({&size, 1}).to(exact).expand({states.size(0), 6});

  int64_t step = 0;
  const Denoiser denoiser = [&](const at::Tensor& sample, double timestep) {
    const at::Tensor timesteps = at::full({states.size(0)}, timestep, exact);
    const at::Tensor input = both(sample, sample).to(compute_type);
    const at::Tensor answer = unet->forward(input, timesteps, states, embeds, time_ids).to(at::kFloat);
    if (options.on_step) options.on_step(++step, options.steps);
    if (!guided) return answer;
    const std::vector<at::Tensor> halves = answer.chunk(2);
    return halves[0] + options.guidance_scale * (halves[1] - halves[0]);
  };
  return to_bytes(autoencoder->decode(sampler.run(schedule, options.steps, noise.to(exact), denoiser)));
}

}  // namespace atelier

// Whole single files of SDXL's size, without their 7 GB: networks without values, and files that are holes on the disk.
#include "models/weights/single_file.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "configs/base/error.h"
#include "configs/base/hash.h"
#include "configs/base/text.h"
#include "models/autoencoder/autoencoder_kl.h"
#include "models/clip/clip_text_model.h"
#include "models/pipeline/components.h"
#include "models/unet/unet_2d_condition.h"
#include "models/weights/write_tensor_sources.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

using testing::HasSubstr;

const std::filesystem::path kGoldenSingleFile = std::filesystem::path(ATELIER_TEST_DATA) / "sdxl";

CLIPTextOptions clip_options(bool big) {
  CLIPTextOptions options;
  options.with_projection = big;
  options.hidden_size = options.projection_dim = big ? 1280 : 768;
  options.intermediate_size = big ? 5120 : 3072;
  options.num_hidden_layers = big ? 32 : 12;
  options.num_attention_heads = big ? 20 : 12;
  options.hidden_act = big ? "gelu" : "quick_gelu";
  options.bos_token_id = 0;
  options.eos_token_id = 2;
  return options;
}

/// SDXL base with tensors that have shapes alone.
StoredPipeline sdxl_without_values() {
  StoredPipeline pipeline;
  pipeline.unet.emplace();
  pipeline.vae.emplace();
  pipeline.text_encoder = clip_options(false);
  pipeline.text_encoder_2 = clip_options(true);
  pipeline.tensors[Part::kUnet] = tensors_of_module(UNet2DConditionModel(*pipeline.unet));
  pipeline.tensors[Part::kVae] = tensors_of_module(AutoencoderKL(*pipeline.vae));
  pipeline.tensors[Part::kTextEncoder] = tensors_of_module(CLIPTextModel(*pipeline.text_encoder));
  pipeline.tensors[Part::kTextEncoder2] = tensors_of_module(CLIPTextModel(*pipeline.text_encoder_2));
  return pipeline;
}

using ShapeList = std::map<std::string, std::vector<int64_t>>;

ShapeList listed_shapes(const std::string& file) {
  std::ifstream lines(kGoldenSingleFile / file);
  ShapeList shapes;
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    const size_t tab = line.find('\t');
    std::vector<int64_t>& shape = shapes[line.substr(0, tab)];
    for (const std::string_view side : split(std::string_view(line).substr(tab + 1), ',')) {
      if (!side.empty()) shape.push_back(std::stoll(std::string(side)));
    }
  }
  return shapes;
}

ShapeList source_shapes(const std::vector<TensorSource>& sources) {
  ShapeList shapes;
  for (const TensorSource& source : sources) shapes[source.name] = source.shape;
  return shapes;
}

/// A valid file of F16 tensors whose bytes are a hole: no disk, no time.
void write_hole(const std::filesystem::path& path, const ShapeList& shapes) {
  std::string header;
  int64_t offset = 0;
  for (const auto& [name, shape] : shapes) {
    const bool ids = name.ends_with("position_ids");
    int64_t bytes = ids ? 8 : 2;
    std::string sides;
    for (const int64_t side : shape) {
      bytes *= side;
      sides += text(sides.empty() ? "" : ",", side);
    }
    header += text(header.empty() ? '{' : ',', '"', name, "\":{\"dtype\":\"", ids ? "I64" : "F16", "\",\"shape\":[",
                   sides, "],\"data_offsets\":[", offset, ',', offset + bytes, "]}");
    offset += bytes;
  }
  header += '}';
  const uint64_t length = header.size();
  {
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(&length), 8);
    out << header;
  }
  std::filesystem::resize_file(path, 8 + length + static_cast<uint64_t>(offset));
}

template <typename Body>
std::string weights_fault(Body body) {
  try {
    body();
  } catch (const WeightsError& error) {
    return error.summary();
  }
  return "no WeightsError";
}

TEST(SingleFile, HasThe2515TensorsOfSdxl) {
  const std::vector<TensorSource> sources = single_file_tensors(sdxl_without_values());
  EXPECT_EQ(sources.size(), 2515);
  EXPECT_EQ(source_shapes(sources), listed_shapes("single_file_keys.tsv"));
}

TEST(SingleFile, ShapesTellEveryOptionOfSdxl) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "sdxl.safetensors";
  write_hole(path, listed_shapes("single_file_keys.tsv"));
  const StoredPipeline pipeline = open_pipeline(path);
  EXPECT_FALSE(pipeline.refiner);
  EXPECT_EQ(unet_config_json(*pipeline.unet),
            unet_config_json(read_unet_options(kGoldenSingleFile / "unet_config.json")));
  EXPECT_EQ(vae_config_json(*pipeline.vae), vae_config_json(read_vae_options(kGoldenSingleFile / "vae_config.json")));
  for (const bool big : {false, true}) {
    const CLIPTextOptions wanted = clip_options(big), got = big ? *pipeline.text_encoder_2 : *pipeline.text_encoder;
    EXPECT_EQ(got.with_projection, wanted.with_projection);
    EXPECT_EQ(got.hidden_size, wanted.hidden_size);
    EXPECT_EQ(got.intermediate_size, wanted.intermediate_size);
    EXPECT_EQ(got.num_hidden_layers, wanted.num_hidden_layers);
    EXPECT_EQ(got.num_attention_heads, wanted.num_attention_heads);
    EXPECT_EQ(got.projection_dim, wanted.projection_dim);
    EXPECT_EQ(got.hidden_act, wanted.hidden_act);
  }
  EXPECT_NO_THROW(check_parts(pipeline));
  EXPECT_EQ(source_shapes(pipeline.tensors.at(Part::kUnet)), listed_shapes("unet_keys.tsv"));
  EXPECT_EQ(source_shapes(pipeline.tensors.at(Part::kVae)), listed_shapes("vae_keys.tsv"));
  EXPECT_EQ(source_shapes(single_file_tensors(pipeline)), listed_shapes("single_file_keys.tsv"));
}

TEST(SingleFile, TheRefinersShapesTellItsOptions) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "refiner.safetensors";
  const UNet2DConditionOptions wanted = read_unet_options(kGoldenSingleFile / "refiner_unet_config.json");
  const KeyMap keys = unet_key_map(wanted);
  ShapeList shapes;
  for (const auto& [name, shape] : listed_shapes("refiner_unet_keys.tsv")) {
    shapes["model.diffusion_model." + *keys.to_sgm(name)] = shape;
  }
  for (const auto& [key, shape] : listed_shapes("single_file_keys.tsv")) {
    constexpr std::string_view kSecond = "conditioner.embedders.1.";
    if (key.starts_with(kSecond)) shapes["conditioner.embedders.0." + key.substr(kSecond.size())] = shape;
    if (key.starts_with("first_stage_model.")) shapes[key] = shape;
  }
  write_hole(path, shapes);
  const StoredPipeline pipeline = open_pipeline(path);
  EXPECT_TRUE(pipeline.refiner);
  EXPECT_FALSE(pipeline.text_encoder);
  EXPECT_EQ(pipeline.unet->block_out_channels, wanted.block_out_channels);
  EXPECT_EQ(pipeline.unet->attention_heads, wanted.attention_heads);
  EXPECT_EQ(pipeline.unet->down_attention, wanted.down_attention);
  EXPECT_EQ(pipeline.unet->up_attention, wanted.up_attention);
  EXPECT_NO_THROW(check_parts(pipeline));
  EXPECT_EQ(source_shapes(single_file_tensors(pipeline)), shapes);
}

TEST(SingleFile, MissingAndSurplusTensorsAreNamed) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "sdxl.safetensors";
  ShapeList shapes = listed_shapes("single_file_keys.tsv");
  shapes.erase("model.diffusion_model.input_blocks.8.1.norm.bias");
  shapes["model.diffusion_model.input_blocks.8.1.extra.bias"] = {3};
  shapes["model_ema.decay"] = {1};
  write_hole(path, shapes);
  const std::string fault = weights_fault([&] { check_parts(open_pipeline(path)); });
  EXPECT_THAT(fault, HasSubstr("1 tensors are missing: down_blocks.2.attentions.1.norm.bias"));
  EXPECT_THAT(fault, HasSubstr("1 tensors have no place in the model"));
  EXPECT_THAT(fault, HasSubstr("extra.bias"));
}

/// SDXL's tensors but `missing`.
std::string fault_without(const std::string& missing) {
  const TemporaryFolder folder;
  ShapeList shapes = listed_shapes("single_file_keys.tsv");
  shapes.erase(missing);
  write_hole(folder.path() / "sdxl.safetensors", shapes);
  return weights_fault([&] { open_pipeline(folder.path() / "sdxl.safetensors"); });
}

TEST(SingleFile, ATensorThatCountsLayersIsMissedByItsName) {
  for (const char* name : {"first_stage_model.encoder.down.0.block.0.norm1.weight",
                           "model.diffusion_model.input_blocks.1.0.in_layers.0.weight",
                           "model.diffusion_model.input_blocks.4.0.in_layers.0.weight",
                           "conditioner.embedders.0.transformer.text_model.encoder.layers.0.layer_norm1.weight",
                           "conditioner.embedders.1.model.transformer.resblocks.0.ln_1.weight"}) {
    EXPECT_EQ(fault_without(name), text("the tensor ", name, " is missing"));
  }
}

TEST(SingleFile, AConfigurationIsBelievedBeforeTheFilesMarkers) {
  const TemporaryFolder folder;
  ShapeList shapes = listed_shapes("single_file_keys.tsv");
  shapes["v_pred"] = shapes["ztsnr"] = {0};
  write_hole(folder.path() / "sdxl.safetensors", shapes);
  EXPECT_EQ(open_pipeline(folder.path() / "sdxl.safetensors").scheduler.prediction_type, "v_prediction");
  SchedulerOptions options;
  options.num_train_timesteps = 500;
  std::filesystem::create_directories(folder.path() / "config/scheduler");
  write_scheduler_options(options, folder.path() / "config/scheduler");
  const SchedulerOptions got = open_pipeline(folder.path() / "sdxl.safetensors", folder.path() / "config").scheduler;
  EXPECT_EQ(got.prediction_type, "epsilon");
  EXPECT_FALSE(got.rescale_betas_zero_snr);
  EXPECT_EQ(got.num_train_timesteps, 500);
}

TEST(SingleFile, OptionsThatItCannotSayAreListed) {
  StoredPipeline pipeline = sdxl_without_values();
  pipeline.scheduler.prediction_type = "v_prediction";  // markers say it
  pipeline.scheduler.rescale_betas_zero_snr = true;
  pipeline.scheduler.timestep_spacing = "trailing";
  pipeline.scheduler.class_name = "DDIMScheduler";
  EXPECT_EQ(untold_options(pipeline), std::vector<std::string>{});
  EXPECT_TRUE(fits_single_file(pipeline));
  pipeline.unet->sample_size = 64;
  pipeline.vae->latents_mean = pipeline.vae->latents_std = {1, 1, 1, 1};
  pipeline.scheduler.num_train_timesteps = 500;
  pipeline.scheduler.beta_start = 0.001;
  pipeline.scheduler.beta_end = 0.02;
  pipeline.scheduler.beta_schedule = "linear";
  pipeline.scheduler.timestep_spacing = "linspace";
  EXPECT_THAT(untold_options(pipeline),
              testing::ElementsAre("unet sample_size", "vae latents_mean and latents_std",
                                   "scheduler num_train_timesteps", "scheduler beta_start", "scheduler beta_end",
                                   "scheduler beta_schedule", "scheduler timestep_spacing"));
  EXPECT_FALSE(fits_single_file(pipeline));
}

TEST(SingleFile, PartsThatAreMissingAreNamed) {
  StoredPipeline pipeline = sdxl_without_values();
  pipeline.vae.reset();
  pipeline.text_encoder.reset();
  const std::string fault = weights_fault([&] { single_file_tensors(pipeline); });
  EXPECT_THAT(fault, HasSubstr("vae"));
  EXPECT_THAT(fault, HasSubstr("text_encoder"));
}

TEST(SingleFile, MarkersAreEmptyTensors) {
  StoredPipeline pipeline = sdxl_without_values();
  pipeline.scheduler.prediction_type = "v_prediction";
  pipeline.scheduler.rescale_betas_zero_snr = true;
  std::map<std::string, std::string> markers;
  for (const TensorSource& source : single_file_tensors(pipeline)) {
    if (source.shape == std::vector<int64_t>{0}) markers[source.name] = safe_dtype_name(source.dtype);
  }
  EXPECT_EQ(markers, (std::map<std::string, std::string>{{"v_pred", "F16"}, {"ztsnr", "F16"}}));
}

TEST(WriteTensorSources, ANumberTooLargeForTheTypeIsToldWithItsTensor) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "x.safetensors";
  const auto fault = [&](double value, at::ScalarType from, SafeDtype to) {
    at::Tensor values = at::zeros({300, 1000}, from);
    values[299][7] = value;
    WriteOptions options;
    options.dtype = to;
    return weights_fault([&] { write_tensor_sources(file, {tensor_at_hand(values, "w")}, options); });
  };
  EXPECT_EQ(fault(-70000, at::kFloat, SafeDtype::kF16), "holds 70000, too large for F16");
  EXPECT_EQ(fault(-70144, at::kBFloat16, SafeDtype::kF16), "holds 70144, too large for F16");
  EXPECT_EQ(fault(1e39, at::kDouble, SafeDtype::kF32), "holds 1e+39, too large for F32");
  EXPECT_EQ(fault(-70000, at::kFloat, SafeDtype::kBF16), "no WeightsError");
  EXPECT_EQ(fault(65519, at::kFloat, SafeDtype::kF16), "no WeightsError") << "rounds to the largest one";
  EXPECT_EQ(fault(HUGE_VAL, at::kFloat, SafeDtype::kF16), "no WeightsError") << "was none before";
  EXPECT_EQ(fault(NAN, at::kFloat, SafeDtype::kF16), "no WeightsError");
}

TEST(WriteTensorSources, TheHashIsThatOfTheData) {
  const TemporaryFolder folder;
  const std::vector<TensorSource> sources = {tensor_at_hand(at::arange(5, at::kFloat), "b"),
                                             tensor_at_hand(at::arange(4, at::kLong), "a")};
  WriteOptions options;
  options.hash = true;
  options.dtype = SafeDtype::kF16;
  write_tensor_sources(folder.path() / "x.safetensors", sources, options);
  const SafetensorsFile file(folder.path() / "x.safetensors");
  EXPECT_EQ(file.metadata().at("modelspec.hash_sha256"), "0x" + sha256_hex(file.data()));
  EXPECT_EQ(file.tensors().front().name, "a") << "wide types first: everything stays aligned";
  EXPECT_EQ(file.find("a")->dtype, SafeDtype::kI64);
  EXPECT_EQ(file.find("b")->dtype, SafeDtype::kF16);
}

}  // namespace
}  // namespace atelier

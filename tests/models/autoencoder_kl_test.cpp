#include "models/autoencoder/autoencoder_kl.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <string>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/text.h"
#include "tests/models/tiny_unet.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

AutoencoderKLOptions tiny_vae_options() {
  AutoencoderKLOptions options;
  options.sample_size = 16;
  options.block_out_channels = {8, 16, 16};
  options.norm_num_groups = 4;
  options.layers_per_block = 1;
  return options;
}

std::unique_ptr<AutoencoderKL> random_vae(const AutoencoderKLOptions& options = tiny_vae_options()) {
  auto vae = std::make_unique<AutoencoderKL>(options);
  initialize(*vae, 3);
  return vae;
}

at::Tensor vae_parameter(Module& module, const std::string& wanted) {
  at::Tensor found;
  module.for_each_parameter([&](const std::string& name, at::Tensor& tensor) {
    if (name == wanted) found = tensor;
  });
  return found;
}

TEST(AutoencoderKL, SdxlConfigGivesTheNamesAndShapesOfSdxl) {
  const std::filesystem::path golden = std::filesystem::path(ATELIER_TEST_DATA) / "sdxl";
  const AutoencoderKLOptions options = read_vae_options(golden / "vae_config.json");
  const AutoencoderKL vae(options);
  std::map<std::string, std::string> shapes, wanted;
  vae.for_each_parameter(Module::ConstVisit([&](const std::string& name, const at::Tensor& tensor) {
    std::vector<std::string> sides;
    for (const int64_t side : tensor.sizes()) sides.push_back(std::to_string(side));
    shapes[name] = join(sides, ",");
  }));
  std::ifstream lines(golden / "vae_keys.tsv");
  std::string name, shape;
  lines >> name >> shape;  // heading
  while (lines >> name >> shape) wanted[name] = shape;
  EXPECT_EQ(shapes.size(), 248U);
  EXPECT_EQ(shapes, wanted);
  EXPECT_EQ(vae.parameter_count(), 83653863);
  EXPECT_EQ(vae.factor(), 8);
  EXPECT_EQ(vae.channels(), 4);
  EXPECT_DOUBLE_EQ(options.scaling_factor, 0.13025);
  EXPECT_TRUE(options.force_upcast);
}

// Latents of a VAE with statistics of its own (Playground v2.5's): diffusers' SDXL pipelines scale them by
// (latents - mean) * scaling_factor / std.
TEST(AutoencoderKL, ScaledLatentsFollowTheFormula) {
  AutoencoderKLOptions options = tiny_vae_options();
  options.scaling_factor = 0.5;
  options.latents_mean = {-1.6574, 1.886, -1.383, 2.5155};
  options.latents_std = {8.4927, 5.9022, 6.5498, 5.2299};
  const auto vae = random_vae(options);
  const at::Tensor pixels = keyed_normal({2, 3, 16, 24}, "pixels");
  const AutoencoderKL::Moments moments = vae->moments(pixels);
  const LatentDistribution scaled = vae->posterior(pixels);
  const at::Tensor mean = at::tensor(options.latents_mean, at::kDouble).view({1, 4, 1, 1});
  const at::Tensor deviation = at::tensor(options.latents_std, at::kDouble).view({1, 4, 1, 1});
  EXPECT_LT(relative_error(scaled.mean, (moments.mean.to(at::kDouble) - mean) * 0.5 / deviation), 1e-6);
  const at::Tensor spread = at::sqrt(at::exp(moments.logvar.to(at::kDouble)));
  EXPECT_LT(relative_error(scaled.deviation, spread * 0.5 / deviation), 1e-6);
  EXPECT_TRUE(vae->encode(pixels).equal(scaled.mean));
  const at::Tensor latents = keyed_normal({1, 4, 5, 3}, "latents");
  const at::Tensor unscaled = (latents.to(at::kDouble) * deviation / 0.5 + mean).to(at::kFloat);
  EXPECT_LT(relative_error(vae->decode(latents), vae->decode_unscaled(unscaled)), 1e-5);
}

TEST(AutoencoderKL, LogarithmsOfTheVarianceAreClamped) {
  const auto vae = random_vae();
  vae_parameter(*vae, "quant_conv.bias").copy_(at::tensor({0, 0, 0, 0, 100, -100, 0, 0}));
  const at::Tensor logvar = vae->moments(keyed_normal({1, 3, 16, 16}, "pixels")).logvar;
  EXPECT_TRUE(logvar.select(1, 0).eq(20).all().item<bool>());
  EXPECT_TRUE(logvar.select(1, 1).eq(-30).all().item<bool>());
}

TEST(AutoencoderKL, ChoosesItsOwnType) {
  const auto type_of = [](bool force_upcast, at::Device device, at::ScalarType type) {
    AutoencoderKLOptions options = tiny_vae_options();
    options.force_upcast = force_upcast;
    AutoencoderKL vae(options);
    if (device.is_cpu()) initialize(vae, 1);
    vae.place(device, type);
    return vae.compute_type();
  };
  EXPECT_EQ(type_of(true, at::kCPU, at::kHalf), at::kFloat);
  EXPECT_EQ(type_of(true, at::kCPU, at::kBFloat16), at::kFloat);
  EXPECT_EQ(type_of(true, at::kMeta, at::kHalf), at::kFloat);
  EXPECT_EQ(type_of(true, at::kMeta, at::kBFloat16), at::kBFloat16);
  EXPECT_EQ(type_of(true, at::kMeta, at::kFloat), at::kFloat);
  EXPECT_EQ(type_of(false, at::kMeta, at::kHalf), at::kHalf);
  EXPECT_EQ(type_of(false, at::kCPU, at::kBFloat16), at::kBFloat16);
}

/// One that may compute in fp16; `factor` on the first convolutions of both halves.
std::unique_ptr<AutoencoderKL> half_vae(double factor) {
  AutoencoderKLOptions options = tiny_vae_options();
  options.force_upcast = false;
  auto vae = random_vae(options);
  for (const char* name : {"encoder.conv_in.weight", "decoder.conv_in.weight"}) vae_parameter(*vae, name).mul_(factor);
  return vae;
}

TEST(AutoencoderKL, ComputesInHalfPrecisionWhereItMay) {
  const at::Tensor latents = keyed_normal({1, 4, 4, 4}, "latents");
  const auto exact = half_vae(1), vae = half_vae(1);
  vae->place(at::kCPU, at::kHalf);
  const at::Tensor pixels = vae->decode(latents);
  EXPECT_EQ(vae->compute_type(), at::kHalf);
  EXPECT_EQ(pixels.scalar_type(), at::kFloat);
  const double error = relative_error(pixels, exact->decode(latents));
  EXPECT_GT(error, 1e-5);
  EXPECT_LT(error, 1e-2);
}

// Weights of some ten thousand are within fp16's range, 65504, and what they give is not; a norm follows, so fp32 is
// sound.
TEST(AutoencoderKL, AnOverflowOfHalfPrecisionIsFoundAndComputedAgain) {
  const at::Tensor latents = keyed_normal({2, 4, 4, 4}, "latents"), pixels = keyed_normal({2, 3, 16, 16}, "pixels");
  for (const bool encodes : {false, true}) {
    const auto exact = half_vae(2e5), vae = half_vae(2e5);
    const auto run = [&](const AutoencoderKL& model) { return encodes ? model.encode(pixels) : model.decode(latents); };
    vae->place(at::kCPU, at::kHalf);
    EXPECT_EQ(vae->compute_type(), at::kHalf);
    EXPECT_TRUE(run(*vae).equal(run(*exact))) << "the weights of fp32, not those of fp16 again";
    EXPECT_EQ(vae->compute_type(), at::kFloat) << "it stays there";
    EXPECT_TRUE(run(*vae).equal(run(*exact)));
    vae->place(at::kCPU, at::kHalf);
    EXPECT_EQ(vae->compute_type(), at::kHalf);
  }
}

std::string vae_error(const std::function<void()>& run) {
  try {
    run();
  } catch (const WeightsError& error) {
    return text(error.summary(), " | ", error.hint());
  }
  return "none";
}

TEST(AutoencoderKL, WhatIsNotFiniteInFp32TooIsAnError) {
  for (const at::ScalarType type : {at::kFloat, at::kHalf}) {
    const auto vae = half_vae(1);
    vae_parameter(*vae, "decoder.up_blocks.1.resnets.0.conv1.bias").fill_(std::numeric_limits<double>::quiet_NaN());
    vae->place(at::kCPU, type);
    const at::Tensor latents = keyed_normal({1, 4, 4, 4}, "latents");
    const std::string error = vae_error([&] { vae->decode(latents); });
    EXPECT_NE(error.find("the VAE gives NaN or infinity at decoding"), std::string::npos) << error;
    EXPECT_EQ(vae_error([&] { vae->encode(keyed_normal({1, 3, 16, 16}, "pixels")); }), "none");
  }
}

TEST(AutoencoderKL, LatentsThatAreNotFiniteAreNotTheVaesFault) {
  at::Tensor latents = keyed_normal({1, 4, 4, 4}, "latents");
  latents[0][1][2][3] = std::numeric_limits<double>::infinity();
  const std::string error = vae_error([&] { random_vae()->decode(latents); });
  EXPECT_NE(error.find("is given NaN or infinity"), std::string::npos) << error;
  EXPECT_NE(error.find("UNet"), std::string::npos) << error;
}

TEST(AutoencoderKL, IsSavedAsItWasLoadedWhateverItComputesIn) {
  const TemporaryFolder folder;
  const auto vae = half_vae(1);
  vae->save_pretrained(folder.path() / "first", SafeDtype::kF32);
  const auto loaded = AutoencoderKL::from_pretrained(folder.path() / "first");
  for (const at::ScalarType type : {at::kHalf, at::kBFloat16, at::kHalf}) loaded->place(at::kCPU, type);
  loaded->save_pretrained(folder.path() / "second", SafeDtype::kF32);
  const char* file = "diffusion_pytorch_model.safetensors";
  EXPECT_EQ(read_file(folder.path() / "first" / file), read_file(folder.path() / "second" / file));
  EXPECT_EQ(read_file(folder.path() / "first/config.json"), read_file(folder.path() / "second/config.json"));
  loaded->place(at::kCPU, at::kFloat);
  const at::Tensor latents = keyed_normal({1, 4, 4, 4}, "latents");
  EXPECT_TRUE(loaded->decode(latents).equal(vae->decode(latents)));
}

TEST(AutoencoderKL, APictureAboveTheBoundIsTiledUnasked) {
  const auto whole = random_vae(), tiled = random_vae(), bounded = random_vae();
  tiled->enable_tiling();
  for (const bool encodes : {false, true}) {
    const at::Tensor input = encodes ? keyed_normal({2, 3, 40, 24}, "pixels") : keyed_normal({2, 4, 10, 6}, "latents");
    const auto run = [&](const AutoencoderKL& vae) { return encodes ? vae.encode(input) : vae.decode(input); };
    const at::Tensor wanted = run(*tiled);
    EXPECT_GT(relative_error(wanted, run(*whole)), 1e-3);
    bounded->set_most_pixels(40 * 24 - 1);
    EXPECT_LT(relative_error(run(*bounded), wanted), 1e-6);
    bounded->set_most_pixels(40 * 24);  // a sample, not the batch
    EXPECT_LT(relative_error(run(*bounded), run(*whole)), 1e-6);
  }
}

TEST(AutoencoderKL, FoldersWithoutWeightsAreDrawnFromTheSeed) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "config.json", vae_config_json(tiny_vae_options()));
  EXPECT_THROW(make_autoencoder(folder.path()), WeightsError);
  const at::Tensor latents = keyed_normal({1, 4, 4, 4}, "latents");
  const auto draw = [&](uint64_t seed) { return make_autoencoder(folder.path(), seed)->decode(latents); };
  EXPECT_TRUE(draw(4).equal(draw(4)));
  EXPECT_FALSE(draw(4).equal(draw(5)));
  random_vae()->save_pretrained(folder.path(), SafeDtype::kF32);
  EXPECT_TRUE(draw(4).equal(random_vae()->decode(latents))) << "weights that are there are taken";
}

}  // namespace
}  // namespace atelier

#include "models/pipeline/stable_diffusion_xl.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "models/clip/clip_text_model.h"
#include "models/pipeline/components.h"
#include "models/unet/unet_2d_condition.h"
#include "tests/models/tiny_pipeline.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

class StableDiffusionXLTest : public testing::Test {
 protected:
  StableDiffusionXLTest() { write_tiny_pipeline(folder_.path()); }

  static Conditioning encode(const StableDiffusionXL& model, int64_t first, int64_t count) {
    const at::NoGradGuard no_grad;
    const at::Tensor ids = (at::arange(count * 6, at::kLong) + first * 6).mul(7).remainder(99).view({count, 6});
    return model.encode(ids, ids);
  }

  TemporaryFolder folder_;
};

TEST_F(StableDiffusionXLTest, SavedAndLoadedItDrawsTheSame) {
  const StableDiffusionXL model = StableDiffusionXL::from_config(folder_.path(), 4);
  model.save_pretrained(folder_.path() / "saved", SafeDtype::kF32);
  const StableDiffusionXL loaded = StableDiffusionXL::load(folder_.path() / "saved");
  GenerateOptions options;
  options.steps = 3;
  const std::vector<uint64_t> seeds{5};
  const at::Tensor ours = model.generate(options, encode(model, 0, 1), encode(model, 1, 1), seeds);
  EXPECT_EQ(ours.sizes(), (std::vector<int64_t>{1, 32, 32, 3}));
  EXPECT_TRUE(ours.equal(loaded.generate(options, encode(loaded, 0, 1), encode(loaded, 1, 1), seeds)));
  EXPECT_GT(ours.to(at::kFloat).std().item<float>(), 1) << "a flat picture shows nothing";
}

TEST_F(StableDiffusionXLTest, AConfigurationOfPartsThatAFolderLacksSaysNothing) {
  const auto saved = folder_.path() / "saved";
  StableDiffusionXL model = StableDiffusionXL::from_config(folder_.path(), 4);
  model.text_encoder.reset();
  model.save_pretrained(saved, SafeDtype::kF32);
  const StoredPipeline opened = open_pipeline(saved, folder_.path());
  EXPECT_FALSE(opened.text_encoder);
  EXPECT_TRUE(opened.text_encoder_2 && opened.unet && opened.dct_vae);
  EXPECT_NO_THROW(check_parts(opened));
}

TEST_F(StableDiffusionXLTest, APictureDoesNotDependOnItsBatch) {
  const StableDiffusionXL model = StableDiffusionXL::from_config(folder_.path(), 4);
  GenerateOptions options;
  options.steps = 4;
  options.width = 48;
  options.height = 32;
  options.sampler = "euler_a";  // fresh noise in each step
  options.guidance_rescale = 0.7;
  const std::vector<uint64_t> seeds{1, 2, 3};
  const at::Tensor together = model.generate(options, encode(model, 0, 3), encode(model, 3, 3), seeds);
  for (int64_t i = 0; i < 3; ++i) {
    const std::vector<uint64_t> seed{seeds[static_cast<size_t>(i)]};
    const at::Tensor alone = model.generate(options, encode(model, i, 1), encode(model, 3 + i, 1), seed);
    const at::Tensor difference = alone[0].to(at::kInt) - together[i].to(at::kInt);
    EXPECT_LE(difference.abs().max().item<int>(), 1) << i;  // another batch, another order of sums
  }
  EXPECT_FALSE(together[0].equal(together[1]));
}

TEST_F(StableDiffusionXLTest, WithoutGuidanceTheNegativeDoesNotCount) {
  const StableDiffusionXL model = StableDiffusionXL::from_config(folder_.path(), 4);
  GenerateOptions options;
  options.steps = 2;
  options.guidance_scale = 1;
  const std::vector<uint64_t> seeds{1};
  const at::Tensor first = model.generate(options, encode(model, 0, 1), encode(model, 1, 1), seeds);
  EXPECT_TRUE(first.equal(model.generate(options, encode(model, 0, 1), encode(model, 2, 1), seeds)));
  options.guidance_scale = 4;
  const at::Tensor guided = model.generate(options, encode(model, 0, 1), encode(model, 1, 1), seeds);
  EXPECT_FALSE(guided.equal(model.generate(options, encode(model, 0, 1), encode(model, 2, 1), seeds)));
}

TEST_F(StableDiffusionXLTest, StepsAreCountedAndMayStop) {
  const StableDiffusionXL model = StableDiffusionXL::from_config(folder_.path(), 4);
  GenerateOptions options;
  options.steps = 5;
  int64_t calls = 0;
  options.on_step = [&](int64_t step, int64_t steps) {
    EXPECT_EQ(step, ++calls);
    EXPECT_EQ(steps, 5);
    if (step == 3) throw std::runtime_error("stop");
  };
  const std::vector<uint64_t> seeds{1};
  EXPECT_THROW(model.generate(options, encode(model, 0, 1), encode(model, 1, 1), seeds), std::runtime_error);
  EXPECT_EQ(calls, 3);
}

TEST_F(StableDiffusionXLTest, SeedsAndPartsDrawTheirOwnWeights) {
  const StableDiffusionXL a = StableDiffusionXL::from_config(folder_.path(), 4);
  const StableDiffusionXL b = StableDiffusionXL::from_config(folder_.path(), 5);
  const auto embedding = [](Module& module) {
    at::Tensor result;
    module.for_each_parameter([&](const std::string& name, at::Tensor& tensor) {
      if (name.ends_with("layers.0.self_attn.q_proj.weight")) result = tensor.flatten().narrow(0, 0, 200);
    });
    return result;
  };
  EXPECT_FALSE(embedding(*a.text_encoder).equal(embedding(*b.text_encoder)));
  EXPECT_GT((embedding(*a.text_encoder) - embedding(*a.text_encoder_2)).abs().max().item<float>(), 0.01);
}

TEST_F(StableDiffusionXLTest, WhatDoesNotFitIsTold) {
  const auto error = [&] {
    try {
      StableDiffusionXL::from_config(folder_.path(), 1);
    } catch (const WeightsError& caught) {
      return caught.summary();
    }
    return std::string("none");
  };
  const auto has = [](const std::string& message, const char* part) { return message.find(part) != std::string::npos; };
  EXPECT_EQ(error(), "none");
  std::ofstream(folder_.path() / "vae/config.json") << R"({"_class_name": "AutoencoderTiny"})";
  EXPECT_TRUE(has(error(), "AutoencoderTiny")) << error();
  std::filesystem::remove_all(folder_.path() / "text_encoder_2");
  std::ofstream(folder_.path() / "vae/config.json") << R"({"_class_name": "DctAutoencoder"})";
  EXPECT_TRUE(has(error(), "width of the text encoders")) << error();
  std::filesystem::remove_all(folder_.path() / "text_encoder");
  EXPECT_TRUE(has(error(), "no text encoder")) << error();
  std::ofstream(folder_.path() / "model_index.json") << R"({"_class_name": "FluxPipeline"})";
  EXPECT_TRUE(has(error(), "FluxPipeline")) << error();

  const std::filesystem::path file = folder_.path() / "sdxl.safetensors";
  std::ofstream(file) << "x";
  EXPECT_THROW(StableDiffusionXL::load(file), WeightsError);
}

TEST(MakeTimeIds, AreInDiffusersOrder) {
  // StableDiffusionXLPipeline._get_add_time_ids: original_size + crops_coords_top_left + target_size, each (h, w) or
  // (y, x).
  const SizeConditioning size{
      .original_height = 1, .original_width = 2, .crop_top = 3, .crop_left = 4, .target_height = 5, .target_width = 6};
  const at::Tensor ids = make_time_ids(std::vector<SizeConditioning>{size, size});
  EXPECT_TRUE(ids.equal(at::arange(1, 7, at::kFloat).expand({2, 6})));
}

}  // namespace
}  // namespace atelier

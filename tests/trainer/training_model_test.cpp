#include "trainer/training_model.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>

#include "models/weights/weights.h"
#include "tests/models/tiny_pipeline.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

using Tensors = std::map<std::string, at::Tensor>;

Tensors read_all(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  Tensors tensors;
  for (const SafeTensorInfo& info : file.tensors()) tensors[info.name] = read_tensor(file, info);
  return tensors;
}

class TrainingModelTest : public testing::Test {
 protected:
  TrainingModelTest() {
    write_tiny_pipeline(folder_.path() / "config");
    StableDiffusionXL::from_config(folder_.path() / "config", 3).save_pretrained(base(), SafeDtype::kF32);
    run_.model.pretrained_model_name_or_path = base();
    run_.output_dir = folder_.path();
    run_.output_name = "product";
    run_.save.precision = "fp32";
  }

  std::filesystem::path base() const { return folder_.path() / "base"; }
  static Tensors encoder_of(const std::filesystem::path& pipeline) {
    return read_all(pipeline / "text_encoder/model.safetensors");
  }

  TemporaryFolder folder_;
  RunOptions run_;
};

TEST_F(TrainingModelTest, WhatIsFrozenIsSavedAsItWasReadThoughBf16Trained) {
  run_.train.learning_rate_te1 = 0;
  TrainingModel model(run_);
  FlatStore store(model.parameter_groups(), at::kCPU, at::kBFloat16, 1 << 20);
  model.place_frozen(at::kCPU, at::kBFloat16);
  store.expose_master();
  EXPECT_EQ(model.save_product({{"ss_steps", "2"}}), folder_.path() / "product");
  for (const char* part : {"text_encoder/model", "text_encoder_2/model", "unet/diffusion_pytorch_model"}) {
    const std::string file = std::string(part) + ".safetensors";
    const Tensors before = read_all(base() / file), after = read_all(folder_.path() / "product" / file);
    ASSERT_EQ(before.size(), after.size());
    for (const auto& [name, tensor] : before) EXPECT_TRUE(after.at(name).equal(tensor)) << part << ' ' << name;
  }
  const SafetensorsFile unet(folder_.path() / "product/unet/diffusion_pytorch_model.safetensors");
  EXPECT_EQ(unet.metadata().at("ss_steps"), "2");
}

TEST_F(TrainingModelTest, LayersThatNeverRunAreExactInCheckpointsToo) {
  TrainingModel model(run_);
  const FlatStore store(model.parameter_groups(), at::kCPU, at::kBFloat16, 1 << 20);
  model.place_frozen(at::kCPU, at::kBFloat16);
  const Tensors before = encoder_of(base());
  const ComponentFile encoder = model.component_files().front();
  ASSERT_EQ(encoder.group, "text_encoder");
  EXPECT_EQ(encoder.file, "text_encoder/model.safetensors");
  ASSERT_FALSE(encoder.constants.empty());
  for (const auto& [name, tensor] : encoder.constants) EXPECT_TRUE(tensor.equal(before.at(name))) << name;
}

TEST_F(TrainingModelTest, OfPartsThatAreNotTrainedACheckpointHoldsNothing) {
  run_.train.learning_rate_te1 = 0;
  TrainingModel model(run_);
  const FlatStore store(model.parameter_groups(), at::kCPU, at::kFloat, 1 << 20);
  model.place_frozen(at::kCPU, at::kFloat);
  EXPECT_TRUE(model.component_files().front().constants.empty());
}

}  // namespace
}  // namespace atelier

#include "models/keys/model_kind.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "configs/base/error.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

/// Files of zeros with tensors of these names and shapes.
class ModelKindOfFile : public testing::Test {
 protected:
  SafetensorsFile file(const std::vector<SafeTensorInfo>& tensors) const {
    SafetensorsWriter writer(folder_.path() / "m.safetensors", tensors);
    for (const SafeTensorInfo& tensor : tensors) {
      size_t count = 2;
      for (const int64_t side : tensor.shape) count *= static_cast<size_t>(side);
      writer.write(std::vector<std::byte>(count));
    }
    writer.finish();
    return SafetensorsFile(folder_.path() / "m.safetensors");
  }

  SafetensorsFile named(const std::vector<std::string>& names) const {
    std::vector<SafeTensorInfo> tensors;
    for (const std::string& name : names) tensors.push_back({name, SafeDtype::kF16, {2}, 0, 0});
    return file(tensors);
  }

  template <typename Require>
  static void expect_refused(Require require, const SafetensorsFile& file, const std::string& because,
                             const std::string& way_out) {
    try {
      require(file);
      FAIL() << "accepted: " << because;
    } catch (const WeightsError& error) {
      EXPECT_NE(error.summary().find(because), std::string::npos) << error.summary();
      EXPECT_NE(error.hint().find(way_out), std::string::npos) << error.hint();
      EXPECT_NE(error.where().find("m.safetensors"), std::string::npos);
    }
  }

  TemporaryFolder folder_;
};

const std::vector<std::string> kSdxl = {"model.diffusion_model.input_blocks.0.0.weight",
                                        "conditioner.embedders.0.transformer.text_model.final_layer_norm.weight",
                                        "conditioner.embedders.1.model.ln_final.weight"};

TEST_F(ModelKindOfFile, OnlySdxlIsReadAsSdxl) {
  const auto checkpoint = [](const SafetensorsFile& file) { require_sdxl_checkpoint(file); };
  EXPECT_NO_THROW(checkpoint(named(kSdxl)));
  expect_refused(checkpoint, named({"double_blocks.0.img_attn.norm.key_norm.scale"}), "this is Flux, not",
                 "give an SDXL");
  expect_refused(checkpoint, named({"cond_stage_model.transformer.text_model.x"}), "Stable Diffusion 1",
                 "give an SDXL");
  expect_refused(checkpoint, named({"cond_stage_model.model.ln_final.weight"}), "Stable Diffusion 2", "give an SDXL");
  expect_refused(checkpoint, named({"conditioner.embedders.0.model.ln_final.weight"}), "refiner", "base model");
  expect_refused(checkpoint, named({"lora_unet_x.lora_down.weight"}), "LoRA (kohya), not an SDXL",
                 "this file as its LoRA");
  expect_refused(checkpoint, named({"clip_l", "clip_g"}), "textual inversion", "on top of a model");
  expect_refused(checkpoint, named({"first_stage_model.decoder.conv_in.weight"}), "VAE", "model.vae");
  expect_refused(checkpoint, named({"rain"}), "none of its tensors", "give an SDXL");
}

TEST_F(ModelKindOfFile, AModelThatTakesFurtherPicturesIsNoTextToImageModel) {
  const auto with_inputs = [&](int64_t inputs) {
    std::vector<SafeTensorInfo> tensors = {{kSdxl[0], SafeDtype::kF16, {8, inputs, 3, 3}, 0, 0},
                                           {"model.diffusion_model.out.2.weight", SafeDtype::kF16, {4, 8, 3, 3}, 0, 0},
                                           {kSdxl[2], SafeDtype::kF16, {2}, 0, 0}};
    return file(tensors);
  };
  const auto checkpoint = [](const SafetensorsFile& file) { require_sdxl_checkpoint(file); };
  EXPECT_NO_THROW(checkpoint(with_inputs(4)));
  expect_refused(checkpoint, with_inputs(9), "SDXL inpainting model (9 input channels)", "give an SDXL");
  expect_refused(checkpoint, with_inputs(8), "SDXL image editing model", "give an SDXL");
}

TEST_F(ModelKindOfFile, OnlyAdaptersOfSdxlAreReadAsSuch) {
  const auto adapter = [](const SafetensorsFile& file) { require_sdxl_adapter(file); };
  EXPECT_NO_THROW(adapter(named({"lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_down.weight"})));
  EXPECT_NO_THROW(adapter(named({"some_block.lora_down.weight"})));  // cannot be told
  expect_refused(adapter, named({"lora_unet_double_blocks_0_img_attn_proj.lora_down.weight"}), "for Flux, not for SDXL",
                 "fit only");
  expect_refused(adapter, named(kSdxl), "SDXL checkpoint, single file, not a LoRA", "give a LoRA");
  expect_refused(adapter, named({"rain"}), "no tensor of this file", "give a LoRA");
  const SafeTensorInfo wide = {"lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight",
                               SafeDtype::kF16,
                               {1, 768},
                               0,
                               0};
  expect_refused(adapter, file({wide}), "for Stable Diffusion 1, not for SDXL", "fit only");
}

TEST_F(ModelKindOfFile, ALoHasRankIsNotTheWidthOfItsInputs) {
  for (const char* tensor : {"hada_w1_a", "lokr_w1"}) {
    const std::string module = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.";
    EXPECT_NO_THROW(require_sdxl_adapter(file({{module + tensor, SafeDtype::kF16, {1, 768}, 0, 0}})));
  }
}

}  // namespace
}  // namespace atelier

// The tables of names against the published lists of SDXL's tensors (tests/golden/sdxl/README.md).
#include "models/keys/key_map.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "configs/base/text.h"
#include "models/keys/single_file_keys.h"

namespace atelier {
namespace {

using Shapes = std::map<std::string, std::string>;  // name -> "1280,320"

const std::filesystem::path kGoldenNames = std::filesystem::path(ATELIER_TEST_DATA) / "sdxl";

/// Lines of a table whose last two columns are name and shape; of `component`, if there is a column for that.
Shapes read_shapes(const std::string& file, std::string_view component = "") {
  std::ifstream lines(kGoldenNames / file);
  Shapes shapes;
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    const std::vector<std::string_view> columns = split(line, '\t');
    if (columns.size() == 3 && columns[0] != component) continue;
    shapes.emplace(columns[columns.size() - 2], columns.back());
  }
  EXPECT_FALSE(shapes.empty()) << file;
  return shapes;
}

struct NamedPart {
  Part part;
  KeyMap keys;
  Shapes diffusers;
};

CLIPTextOptions big_g() {
  CLIPTextOptions options;
  options.num_hidden_layers = 32;
  return options;
}

std::vector<NamedPart> sdxl_parts() {
  Shapes first = read_shapes("text_encoder_keys.tsv", "text_encoder");
  first.erase(std::string(kPositionIds));
  Shapes second = read_shapes("text_encoder_keys.tsv", "text_encoder_2");
  second.erase(std::string(kPositionIds));
  return {{Part::kTextEncoder, clip_key_map(), first},
          {Part::kTextEncoder2, open_clip_key_map(big_g()), second},
          {Part::kUnet, unet_key_map({}), read_shapes("unet_keys.tsv")},
          {Part::kVae, vae_key_map({}), read_shapes("vae_keys.tsv")}};
}

/// "1280,1280" -> "3840,1280": three of them one below the other.
std::string stacked_shape(const std::string& shape) {
  const size_t comma = shape.find(',');
  const std::string rest = comma == std::string::npos ? "" : shape.substr(comma);
  return text(3 * std::stoll(shape), rest);
}

TEST(KeyMap, MakesExactlyTheTensorsOfASingleFile) {
  Shapes made;
  for (const NamedPart& part : sdxl_parts()) {
    for (const auto& [name, shape] : part.diffusers) {
      const std::optional<std::string> sgm = part.keys.to_sgm(name);
      ASSERT_TRUE(sgm) << name;
      const bool stacked = sgm->find(".in_proj_") != std::string::npos;
      const bool pointwise = sgm->find(".attn_1.") != std::string::npos && shape == "512,512";
      made[text(part_prefix(part.part, false), *sgm)] = stacked     ? stacked_shape(shape)
                                                        : pointwise ? shape + ",1,1"
                                                                    : shape;
    }
  }
  Shapes wanted = read_shapes("single_file_keys.tsv");
  EXPECT_EQ(wanted.size(), 2515);
  EXPECT_EQ(wanted.erase(text(part_prefix(Part::kTextEncoder, false), kPositionIds)), 1);
  EXPECT_EQ(wanted.erase(text(part_prefix(Part::kTextEncoder2, false), kLogitScale)), 1);
  EXPECT_EQ(made, wanted);
}

TEST(KeyMap, EveryNameComesBack) {
  for (const NamedPart& part : sdxl_parts()) {
    std::set<std::string> back;
    for (const auto& [name, shape] : part.diffusers) {
      for (const std::string& one : part.keys.all_to_diffusers(*part.keys.to_sgm(name))) back.insert(one);
    }
    EXPECT_EQ(back.size(), part.diffusers.size()) << part_name(part.part);
    for (const std::string& name : back) EXPECT_TRUE(part.diffusers.contains(name)) << name;
  }
}

TEST(KeyMap, OneTensorMayStandForThree) {
  const KeyMap keys = open_clip_key_map(big_g());
  const std::string sgm = "transformer.resblocks.31.attn.in_proj_weight";
  const std::string ours = "text_model.encoder.layers.31.self_attn.";
  EXPECT_EQ(keys.all_to_diffusers(sgm),
            (std::vector<std::string>{ours + "q_proj.weight", ours + "k_proj.weight", ours + "v_proj.weight"}));
  EXPECT_FALSE(keys.to_diffusers(sgm));
  EXPECT_EQ(keys.to_diffusers("transformer.resblocks.31.ln_2.bias"), "text_model.encoder.layers.31.layer_norm2.bias");
}

TEST(KeyMap, ModulesGoByTheSameTable) {
  const KeyMap keys = unet_key_map({});
  EXPECT_EQ(keys.to_sgm("down_blocks.2.attentions.1.transformer_blocks.9.attn1.to_q"),
            "input_blocks.8.1.transformer_blocks.9.attn1.to_q");
  EXPECT_EQ(keys.to_sgm("up_blocks.0.upsamplers.0.conv"), "output_blocks.2.2.conv");
  EXPECT_EQ(keys.to_diffusers("input_blocks.3.0.op"), "down_blocks.0.downsamplers.0.conv");
}

TEST(KeyMap, WhatTheNetworkLacksHasNoName) {
  const KeyMap keys = unet_key_map({});
  EXPECT_FALSE(keys.to_sgm("down_blocks.0.attentions.0.norm.weight"));  // that level has no attention
  EXPECT_FALSE(keys.to_sgm("down_blocks.3.resnets.0.conv1.weight"));
  EXPECT_FALSE(keys.to_diffusers("input_blocks.9.0.op.weight"));
  EXPECT_FALSE(keys.to_diffusers("input_blocks.10.0.in_layers.0.weight"));
  EXPECT_FALSE(keys.to_sgm("conv_inward.weight"));  // a rule ends at a dot
}

TEST(KeyMap, AnUpsamplerWithoutAttentionIsTheSecondMember) {
  UNet2DConditionOptions refiner;
  refiner.block_out_channels = {384, 768, 1536, 1536};
  refiner.down_attention = {false, true, true, false};
  refiner.up_attention = {false, true, true, false};
  refiner.layers_per_block = {2, 2, 2, 2};
  refiner.transformer_layers_per_block = {4, 4, 4, 4};
  const KeyMap keys = unet_key_map(refiner);
  EXPECT_EQ(keys.to_sgm("up_blocks.0.upsamplers.0.conv.weight"), "output_blocks.2.1.conv.weight");
  EXPECT_EQ(keys.to_sgm("up_blocks.1.upsamplers.0.conv.weight"), "output_blocks.5.2.conv.weight");
}

TEST(KeyMap, NamesOfFormerVersionsAreKnown) {
  EXPECT_EQ(current_clip_name("encoder.layers.0.mlp.fc1.bias"), "text_model.encoder.layers.0.mlp.fc1.bias");
  EXPECT_EQ(current_clip_name("text_projection.weight"), "text_projection.weight");
  EXPECT_EQ(current_clip_name("text_model.embeddings.position_ids"), "");
  EXPECT_EQ(current_vae_name("encoder.mid_block.attentions.0.proj_attn.bias"),
            "encoder.mid_block.attentions.0.to_out.0.bias");
}

TEST(SingleFileKeys, WhatReadersLeaveOutIsHarmless) {
  for (const char* key : {"model_ema.decay", "alphas_cumprod", "denoiser.sigmas", "v_pred", "ztsnr",
                          "conditioner.embedders.0.transformer.text_model.embeddings.position_ids",
                          "conditioner.embedders.1.model.logit_scale", "sqrt_recip_alphas_cumprod"}) {
    EXPECT_TRUE(is_harmless_key(key)) << key;
  }
  EXPECT_FALSE(is_harmless_key("model.diffusion_model.out.2.bias"));
  EXPECT_FALSE(is_harmless_key("edm_vpred.sigma_max"));
}

}  // namespace
}  // namespace atelier

#include "models/options/vae_options.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

class VaeOptionsTest : public testing::Test {
 protected:
  /// What reading `json` says, or "read".
  std::string answer(const std::string& json) const {
    write_file_atomically(folder_.path() / "config.json", json);
    try {
      read_vae_options(folder_.path());
    } catch (const WeightsError& error) {
      EXPECT_EQ(error.where(), (folder_.path() / "config.json").string());
      return error.summary();
    }
    return "read";
  }

  /// A sound configuration of one level with one line more, the last of equal keys counting.
  std::string answer_with(const std::string& line) const {
    return answer(R"({"_class_name": "AutoencoderKL", "block_out_channels": [32], "latent_channels": 2,
      "down_block_types": ["DownEncoderBlock2D"], "up_block_types": ["UpDecoderBlock2D"], )" +
                  line + "}");
  }

  const TemporaryFolder folder_;
};

TEST_F(VaeOptionsTest, WhatIsNotBuiltIsRefusedByItsKey) {
  EXPECT_EQ(answer_with(R"("act_fn": "silu")"), "read");
  EXPECT_EQ(answer_with(R"("latents_mean": [0, 1], "latents_std": [1, 2], "shift_factor": null)"), "read");
  const std::pair<const char*, const char*> faults[] = {
      {"shift_factor", R"("shift_factor": 0.1)"},
      {"act_fn", R"("act_fn": "relu")"},
      {"norm_num_groups", R"("norm_num_groups": 3)"},
      {"block_out_channels", R"("block_out_channels": [])"},
      {"block_out_channels", R"("block_out_channels": [4,4,4,4,4,4,4,4,4])"},
      {"down_block_types", R"("down_block_types": ["AttnDownEncoderBlock2D"])"},
      {"up_block_types", R"("up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D"])"},
      {"latents_mean", R"("latents_mean": [0, 1])"},
      {"latents_std", R"("latents_mean": [0, 1], "latents_std": [1])"},
      {"latents_std", R"("latents_mean": [0, 1], "latents_std": [1, 0])"},
      {"latents_std", R"("latents_mean": [0, 1], "latents_std": "12")"},
      {"scaling_factor", R"("scaling_factor": 0)"},
      {"sample_size", R"("sample_size": [512, 512])"},
      {"a_new_key", R"("a_new_key": 1)"},
      {"_class_name", R"("_class_name": "AsymmetricAutoencoderKL")"},
  };
  for (const auto& [key, line] : faults) {
    EXPECT_NE(answer_with(line).find(std::string("\"") + key + "\""), std::string::npos) << answer_with(line);
  }
}

TEST_F(VaeOptionsTest, AbsentKeysHaveTheDefaultsOfDiffusers) {
  ASSERT_EQ(answer_with(R"("act_fn": "silu")"), "read");
  const AutoencoderKLOptions options = read_vae_options(folder_.path());
  EXPECT_EQ(options.sample_size, 32);
  EXPECT_EQ(options.layers_per_block, 1);
  EXPECT_DOUBLE_EQ(options.scaling_factor, 0.18215);
  EXPECT_TRUE(options.force_upcast && options.use_quant_conv && options.mid_block_add_attention);
}

TEST_F(VaeOptionsTest, WrittenTheyReadBackEqual) {
  AutoencoderKLOptions options;
  options.latents_mean = {1, 2, 3, 4};
  options.latents_std = {0.5, 2, 3, 4};
  options.use_quant_conv = options.use_post_quant_conv = options.force_upcast = false;
  options.mid_block_add_attention = false;
  ASSERT_EQ(answer(vae_config_json(options)), "read");
  EXPECT_EQ(vae_config_json(read_vae_options(folder_.path())), vae_config_json(options));
  EXPECT_EQ(autoencoder_factor(folder_.path()), 8);
  EXPECT_EQ(autoencoder_factor("dct"), 8);
}

}  // namespace
}  // namespace atelier

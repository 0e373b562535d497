#include "trainer/options/run_options.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "models/options/unet_options.h"
#include "models/options/vae_options.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// A run on the folder of a model whose UNet has two levels.
class RunOptionsTest : public testing::Test {
 protected:
  void SetUp() override {
    UNet2DConditionOptions unet;
    unet.block_out_channels = {32, 64};
    unet.down_attention = {false, true};
    unet.up_attention = {true, false};
    unet.layers_per_block = unet.transformer_layers_per_block = unet.attention_heads = {1, 1};
    fs::create_directories(folder_.path() / "model/unet");
    write_file_atomically(folder_.path() / "model/unet/config.json", unet_config_json(unet));
  }

  void write_vae(const std::string& name, std::vector<int64_t> block_out_channels) const {
    AutoencoderKLOptions vae;
    vae.block_out_channels = std::move(block_out_channels);
    fs::create_directories(folder_.path() / name);
    write_file_atomically(folder_.path() / name / "config.json", vae_config_json(vae));
  }

  RunOptions run(const std::string& vae) const {
    const fs::path yaml = folder_.path() / "run.yaml";
    write_file_atomically(yaml, "output_dir: out\nmodel: {config: model, vae: " + vae + "}\n");
    return read_run(yaml, {});
  }

  const TemporaryFolder folder_;
};

TEST_F(RunOptionsTest, TheVaeIsAWordOrAPathBesideTheYaml) {
  EXPECT_EQ(run("dct").model.vae, "dct");
  EXPECT_EQ(run("other/vae").model.vae, (folder_.path() / "other/vae").string());
  EXPECT_EQ(run("./dct").model.vae, (folder_.path() / "dct").string());
  EXPECT_EQ(run("null").model.vae, std::nullopt);
}

TEST_F(RunOptionsTest, SidesDivideByTheAutoencoderAndTheUNet) {
  EXPECT_EQ(side_divisor(run("null")), 8 * 2) << "a model without a VAE's configuration: SDXL's";
  write_vae("model/vae", {32, 32});
  EXPECT_EQ(side_divisor(run("null")), 2 * 2);
  EXPECT_EQ(side_divisor(run("dct")), 8 * 2);
  write_vae("other", {32, 32, 32});
  EXPECT_EQ(side_divisor(run("other")), 4 * 2);
  write_file_atomically(folder_.path() / "other/config.json", R"({"_class_name": "AutoencoderTiny"})");
  EXPECT_THROW(side_divisor(run("other")), WeightsError);
}

}  // namespace
}  // namespace atelier

#include "trainer/options/run_options.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/safetensors.h"
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

  /// A VAE of three levels alone in a file of the sgm layout.
  void write_vae_file(const std::string& name) const {
    std::vector<SafeTensorInfo> tensors;
    const auto add = [&](const std::string& tensor, std::vector<int64_t> shape) {
      tensors.push_back({"first_stage_model." + tensor, SafeDtype::kU8, std::move(shape)});
    };
    add("encoder.conv_in.weight", {32, 3, 1, 1});
    add("decoder.conv_in.weight", {32, 4, 1, 1});
    add("decoder.conv_out.weight", {3, 32, 1, 1});
    for (const std::string level : {"0", "1", "2"}) {
      add("encoder.down." + level + ".block.0.norm1.weight", {32});
      add("encoder.down." + level + ".block.0.conv1.weight", {32, 32, 1, 1});
    }
    SafetensorsWriter writer(folder_.path() / name, tensors);
    for (const SafeTensorInfo& tensor : tensors) {
      int64_t bytes = 1;
      for (const int64_t side : tensor.shape) bytes *= side;
      writer.write(std::vector<std::byte>(static_cast<size_t>(bytes)));
    }
    writer.finish();
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

TEST_F(RunOptionsTest, CropsAtRandomCannotBeCachedAndAreToldBeforeAnythingIsRead) {
  RunOptions run;
  run.dataset.cache.cache_latents = "disk";
  run.dataset.sources.resize(2);
  EXPECT_NO_THROW(check_run(run, /*for_training=*/false));
  const auto place = [&] {
    try {
      check_run(run, /*for_training=*/false);
    } catch (const ConfigError& error) {
      return error.where();
    }
    return std::string("none");
  };
  run.dataset.sources[1].random_crop = true;
  EXPECT_EQ(place(), "dataset.sources[1].random_crop");
  run.dataset.sources[1].random_crop = false;
  run.dataset.loader.random_crop = true;
  EXPECT_EQ(place(), "dataset.loader.random_crop");
  run.dataset.sources.erase(run.dataset.sources.begin());
  EXPECT_EQ(place(), "none") << "the only source says otherwise for itself";
}

TEST_F(RunOptionsTest, SidesDivideByAVaeThatIsAFile) {
  write_vae_file("vae.safetensors");
  EXPECT_EQ(side_divisor(run("vae.safetensors")), 4 * 2);
}

}  // namespace
}  // namespace atelier

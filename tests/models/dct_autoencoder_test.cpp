#include "models/autoencoder/dct_autoencoder.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>

#include "configs/base/error.h"
#include "models/options/vae_options.h"
#include "tests/support/golden_tensors.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

TEST(DctAutoencoder, CoefficientsEqualScipyButForAScaleAndAShiftAChannel) {
  const GoldenTensors golden("dct/dct.safetensors");
  const at::Tensor latents = DctAutoencoder().encode(golden["pixels"].to(at::kFloat)).to(at::kDouble);
  const at::Tensor expected = golden["coefficients"];
  ASSERT_EQ(latents.sizes(), expected.sizes());
  // The documented constants: (coefficient - mean) / deviation.
  const at::Tensor mean = at::tensor({3.2, 0.0, 0.0, 0.0, 0.0, 0.0, -0.21, 0.17}, at::kDouble).view({1, 8, 1, 1});
  const at::Tensor deviation =
      at::tensor({5.2, 1.5, 1.1, 0.55, 0.68, 0.76, 0.43, 0.47}, at::kDouble).view({1, 8, 1, 1});
  EXPECT_LT(l2_error(latents * deviation + mean, expected), 1e-6);
}

TEST(DctAutoencoder, DecodingGivesScipysLowFrequencies) {
  const GoldenTensors golden("dct/dct.safetensors");
  const DctAutoencoder autoencoder;
  const at::Tensor latents = autoencoder.encode(golden["pixels"].to(at::kFloat));
  const at::Tensor pixels = autoencoder.decode(latents);
  EXPECT_LT(l2_error(pixels, golden["lowpass"]), 1e-6);
  EXPECT_LT(l2_error(autoencoder.encode(pixels), latents), 1e-6);
}

TEST(DctAutoencoder, KeepsTheColourOfAFlatPicture) {
  const DctAutoencoder autoencoder;
  const at::Tensor colour = at::tensor({0.9f, -0.3f, 0.1f}).view({1, 3, 1, 1}).expand({1, 3, 16, 32});
  EXPECT_LT(l2_error(autoencoder.decode(autoencoder.encode(colour)), colour), 1e-6);
}

TEST(DctAutoencoder, WantsWholeBlocks) {
  EXPECT_THROW(DctAutoencoder().encode(at::zeros({1, 3, 12, 16})), ConfigError);
}

TEST(Autoencoder, IsMadeByNameOrByConfig) {
  const TemporaryFolder folder;
  EXPECT_EQ(make_autoencoder("dct")->class_name(), "DctAutoencoder");
  std::ofstream(folder.path() / "config.json") << dct_config_json();
  EXPECT_EQ(make_autoencoder(folder.path())->class_name(), "DctAutoencoder");
  std::ofstream(folder.path() / "config.json") << R"({"_class_name": "AutoencoderTiny"})";
  EXPECT_THROW(make_autoencoder(folder.path()), WeightsError);
  EXPECT_THROW(make_autoencoder(folder.path() / "absent"), WeightsError);
}

}  // namespace
}  // namespace atelier

#include "models/unet/unet_2d_condition.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/text.h"
#include "tests/models/tiny_unet.h"
#include "tests/support/temporary_folder.h"
#include "tools/bench/live_memory.h"

namespace atelier {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(ATELIER_TEST_DATA) / "sdxl";

std::map<std::string, std::string> golden_shapes(const std::filesystem::path& file) {
  std::map<std::string, std::string> shapes;
  std::ifstream lines(file);
  std::string name, shape;
  lines >> name >> shape;  // heading
  while (lines >> name >> shape) shapes[name] = shape;
  return shapes;
}

std::map<std::string, std::string> shapes_of(const UNet2DConditionModel& unet) {
  std::map<std::string, std::string> shapes;
  unet.for_each_parameter([&](const std::string& name, const at::Tensor& tensor) {
    std::vector<std::string> sides;
    for (const int64_t side : tensor.sizes()) sides.push_back(std::to_string(side));
    shapes[name] = join(sides, ",");
  });
  return shapes;
}

TEST(UNet, SdxlConfigGivesTheNamesAndShapesOfSdxl) {
  const UNet2DConditionModel unet(read_unet_options(kGolden / "unet_config.json"));
  const auto shapes = shapes_of(unet);
  EXPECT_EQ(shapes.size(), 1680U);
  EXPECT_EQ(shapes, golden_shapes(kGolden / "unet_keys.tsv"));
  EXPECT_EQ(unet.parameter_count(), 2567463684);
}

TEST(UNet, RefinerConfigGivesTheNamesAndShapesOfTheRefiner) {
  const UNet2DConditionModel unet(read_unet_options(kGolden / "refiner_unet_config.json"));
  const auto shapes = shapes_of(unet);
  EXPECT_EQ(shapes.size(), 1220U);
  EXPECT_EQ(shapes, golden_shapes(kGolden / "refiner_unet_keys.tsv"));
  EXPECT_EQ(unet.parameter_count(), 2259526660);
}

/// The gradients of everything, by name, for a fixed loss.
std::map<std::string, at::Tensor> gradients(UNet2DConditionModel& unet) {
  unet.set_requires_grad(true);
  UNetInputs inputs;
  inputs.sample.set_requires_grad(true);
  inputs.text.set_requires_grad(true);
  const at::Tensor output = run_unet(unet, inputs);
  output.backward(keyed_normal(output.sizes().vec(), "cotangent"));
  std::map<std::string, at::Tensor> all{
      {"sample", inputs.sample.grad()}, {"text", inputs.text.grad()}, {"out", output}};
  unet.for_each_parameter([&](const std::string& name, at::Tensor& tensor) {
    all[name] = tensor.grad();
    tensor.mutable_grad().reset();
  });
  return all;
}

TEST(UNet, CheckpointingChangesNoGradient) {
  UNet2DConditionModel unet(tiny_unet_options());
  initialize(unet, 2);
  const auto plain = gradients(unet);
  unet.set_gradient_checkpointing(true);
  const auto checkpointed = gradients(unet);
  ASSERT_EQ(plain.size(), checkpointed.size());
  for (const auto& [name, gradient] : plain) {
    ASSERT_TRUE(gradient.defined()) << name;
    // Not bit for bit: where an activation feeds a skip, a residual and a block, the block's share is summed first.
    EXPECT_LE(relative_error(checkpointed.at(name), gradient), 1e-6) << name;
  }
}

struct StepMemory {
  int64_t kept, peak;  // bytes that the forward keeps for backward; the most that forward and backward held
};

StepMemory step_memory(UNet2DConditionModel& unet, const UNetInputs& inputs) {
  const LiveMemory memory;
  StepMemory result{};
  {
    const at::Tensor loss = run_unet(unet, inputs).square().mean();
    result.kept = memory.live();
    loss.backward();
  }
  result.peak = memory.peak();
  unet.for_each_parameter([](const std::string&, at::Tensor& tensor) { tensor.mutable_grad().reset(); });
  return result;
}

TEST(UNet, CheckpointingKeepsOnlyTheInputsOfBlocks) {
  UNet2DConditionModel unet(tiny_unet_options());
  initialize(unet, 2);
  unet.set_requires_grad(true);
  UNetInputs inputs;
  inputs.sample = keyed_normal({2, 4, 32, 32}, "sample");
  const StepMemory plain = step_memory(unet, inputs);
  unet.set_gradient_checkpointing(true);
  const StepMemory checkpointed = step_memory(unet, inputs);
  EXPECT_LT(checkpointed.kept, plain.kept / 3) << "of " << plain.kept;
  EXPECT_LT(checkpointed.peak, plain.peak * 2 / 3) << "of " << plain.peak;
}

TEST(UNet, SavedModelIsTheSameModel) {
  const TemporaryFolder folder;
  UNet2DConditionModel unet(tiny_unet_options());
  initialize(unet, 2);
  unet.save_pretrained(folder.path() / "unet", SafeDtype::kF32);
  const auto loaded = UNet2DConditionModel::from_pretrained(folder.path() / "unet");
  EXPECT_TRUE(run_unet(*loaded, {}).equal(run_unet(unet, {})));
}

struct Statistics {
  double mean = 0, rms = 0, largest = 0;
  double count = 0;
};

/// What diffusers draws, by parameter (tests/golden/unet_init/README.md).
std::map<std::string, Statistics> diffusers_statistics() {
  constexpr double kDraws = 400;
  std::map<std::string, Statistics> all;
  std::ifstream lines(std::filesystem::path(ATELIER_TEST_DATA) / "unet_init" / "statistics.tsv");
  std::string name, heading;
  std::getline(lines, heading);
  for (Statistics row; lines >> name >> row.mean >> row.rms >> row.largest;) all[name] = row;
  const UNet2DConditionModel unet(tiny_unet_options());
  unet.for_each_parameter([&](const std::string& parameter, const at::Tensor& tensor) {
    all.at(parameter).count = kDraws * static_cast<double>(tensor.numel());
  });
  return all;
}

std::map<std::string, Statistics> our_statistics(int draws) {
  std::map<std::string, Statistics> all;
  for (int seed = 0; seed < draws; ++seed) {
    UNet2DConditionModel unet(tiny_unet_options());
    initialize(unet, seed);
    unet.for_each_parameter([&](const std::string& name, const at::Tensor& tensor) {
      Statistics& row = all[name];
      const at::Tensor values = tensor.to(at::kDouble);
      row.mean += values.mean().item<double>() / draws;
      row.rms += values.pow(2).mean().item<double>() / draws;
      row.largest = std::max(row.largest, values.abs().max().item<double>());
      row.count += static_cast<double>(tensor.numel());
    });
  }
  for (auto& [name, row] : all) row.rms = std::sqrt(row.rms);
  return all;
}

TEST(UNet, StartsFromTheDistributionsOfDiffusers) {
  const auto ours = our_statistics(60), theirs = diffusers_statistics();
  ASSERT_EQ(ours.size(), theirs.size());
  for (const auto& [name, row] : ours) {
    const Statistics& peer = theirs.at(name);
    // Five standard errors of the difference of two samples of one uniform distribution; the largest of n uniform
    // draws is further than 12/n below the bound once in 160,000 times.
    const double deviation = peer.rms * std::sqrt(1 / row.count + 1 / peer.count);
    EXPECT_NEAR(row.mean, peer.mean, 5 * deviation + 1e-9) << name;
    EXPECT_NEAR(row.rms, peer.rms, 5 * 0.447 * deviation + 1e-5 * peer.rms) << name;
    EXPECT_NEAR(row.largest, peer.largest, peer.largest * 12 / std::min(row.count, peer.count) + 1e-5) << name;
  }
}

struct ConfigEdit {
  std::string from, to, named;  // the text that is replaced in SDXL's config.json, and what the error must name
};

class UNetConfigError : public testing::TestWithParam<ConfigEdit> {};

TEST_P(UNetConfigError, NamesKeyAndFile) {
  const TemporaryFolder folder;
  std::string config = read_file(kGolden / "unet_config.json");
  const size_t at = config.find(GetParam().from);
  ASSERT_NE(at, std::string::npos);
  config.replace(at, GetParam().from.size(), GetParam().to);
  write_file_atomically(folder.path() / "config.json", config);
  try {
    read_unet_options(folder.path());
    FAIL() << "accepted";
  } catch (const WeightsError& error) {
    EXPECT_NE(error.summary().find(GetParam().named), std::string::npos) << error.summary();
    EXPECT_EQ(error.where(), (folder.path() / "config.json").string());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Edits, UNetConfigError,
    testing::Values(
        ConfigEdit{"\"act_fn\": \"silu\"", "\"act_fn\": \"gelu\"", "act_fn"},
        ConfigEdit{"\"act_fn\": \"silu\"", "\"act_fun\": \"silu\"", "act_fun"},
        ConfigEdit{"\"text_time\"", "\"text\"", "addition_embed_type"},
        ConfigEdit{"\"addition_embed_type\": \"text_time\"", "\"addition_embed_type\": null", "addition_embed_type"},
        ConfigEdit{"\"UNetMidBlock2DCrossAttn\"", "null", "mid_block_type"},
        ConfigEdit{"\"DownBlock2D\"", "\"AttnDownBlock2D\"", "AttnDownBlock2D"},
        ConfigEdit{"    5,\n", "", "attention_head_dim"}, ConfigEdit{"    5,\n", "    7,\n", "attention_head_dim"},
        ConfigEdit{"\"num_attention_heads\": null", "\"num_attention_heads\": [5, 10, 20]", "num_attention_heads"},
        ConfigEdit{"\"upcast_attention\": null", "\"reverse_transformer_layers_per_block\": [10, 2]",
                   "reverse_transformer_layers_per_block"},
        ConfigEdit{"\"upcast_attention\": null", "\"reverse_transformer_layers_per_block\": [[4, 4, 10], [2, 1, 1], 1]",
                   "reverse_transformer_layers_per_block"},
        ConfigEdit{"\"norm_num_groups\": 32", "\"norm_num_groups\": 33", "norm_num_groups"},
        ConfigEdit{"\"layers_per_block\": 2", "\"layers_per_block\": 0", "layers_per_block"},
        ConfigEdit{"\"layers_per_block\": 2", "\"layers_per_block\": \"two\"", "layers_per_block"},
        ConfigEdit{"    320,\n", "    9000000000000000000,\n", "block_out_channels"},
        ConfigEdit{"\"cross_attention_dim\": 2048,", "", "cross_attention_dim"},
        ConfigEdit{"\"class_embed_type\": null", "\"class_embed_type\": \"timestep\"", "class_embed_type"},
        ConfigEdit{"{", "[{", "not a JSON object"}));

TEST(UNetConfig, WritesWhatItReads) {
  const TemporaryFolder folder;
  UNet2DConditionOptions reversed = tiny_unet_options();
  reversed.reverse_transformer_layers_per_block = {3, 1};
  for (const UNet2DConditionOptions& options :
       {read_unet_options(kGolden / "unet_config.json"), read_unet_options(kGolden / "refiner_unet_config.json"),
        tiny_unet_options(), reversed}) {
    write_file_atomically(folder.path() / "config.json", unet_config_json(options));
    EXPECT_EQ(unet_config_json(read_unet_options(folder.path())), unet_config_json(options));
  }
  EXPECT_EQ(read_unet_options(folder.path()).reverse_transformer_layers_per_block, (std::vector<int64_t>{3, 1}));
}

}  // namespace
}  // namespace atelier

#include "models/adapters/adapter_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <fstream>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/clip/clip_text_model.h"
#include "models/weights/weights.h"
#include "tests/models/tiny_unet.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

using testing::HasSubstr;

const std::filesystem::path kGoldenSdxl = std::filesystem::path(ATELIER_TEST_DATA) / "sdxl";

/// name -> shape of the adapted weight ("640,640") of the modules beginning with `prefix`.
std::map<std::string, std::string> golden_modules(const std::string& prefix, const char* file = "lora_modules.tsv") {
  std::map<std::string, std::string> modules;
  std::ifstream lines(kGoldenSdxl / file);
  std::string name, shape;
  while (lines >> name >> shape) {
    if (name.starts_with(prefix)) modules[name] = shape;
  }
  return modules;
}

/// The same of a network of LoRA: the first side of lora_up, the rest of lora_down.
std::map<std::string, std::string> adapted_modules(const AdapterNetwork& network, int64_t rank) {
  std::map<std::string, std::string> out, in, modules;
  network.for_each_parameter([&](const std::string& parameter, const at::Tensor& tensor) {
    const std::string name = parameter.substr(0, parameter.find('.'));
    const bool down = parameter == name + ".lora_down.weight";
    EXPECT_TRUE(down || parameter == name + ".lora_up.weight") << parameter;
    EXPECT_EQ(tensor.size(down ? 0 : 1), rank) << parameter;
    if (!down) out[name] = std::to_string(tensor.size(0));
    for (int64_t side = 1; down && side < tensor.dim(); ++side) in[name] += text(',', tensor.size(side));
  });
  for (const auto& [name, side] : out) modules[name] = side + in[name];
  return modules;
}

TEST(LoraNames, SdxlsUNetHasKohyasModules) {
  const UNet2DConditionOptions options = read_unet_options(kGoldenSdxl / "unet_config.json");
  UNet2DConditionModel unet(options);
  AdapterNetwork network;
  network.inject(unet, unet_lora_naming(options), {.network_dim = 8});
  EXPECT_EQ(network.size(), 722);
  EXPECT_EQ(adapted_modules(network, 8), golden_modules("lora_unet_"));
}

TEST(LoraNames, LoConHasTheResNetBlocksToo) {
  const UNet2DConditionOptions options = read_unet_options(kGoldenSdxl / "unet_config.json");
  UNet2DConditionModel unet(options);
  AdapterNetwork network;
  network.inject(unet, unet_lora_naming(options), {.algo = "locon", .network_dim = 8});
  EXPECT_EQ(network.size(), 722 + 66);  // with the text encoders' 264 sd-scripts' 1052
  std::map<std::string, std::string> wanted = golden_modules("lora_unet_");
  wanted.merge(golden_modules("lora_unet_", "lora_conv_modules.tsv"));
  EXPECT_EQ(adapted_modules(network, 8), wanted);
}

TEST(LoraNames, ConvDimIsForKernels) {
  UNet2DConditionModel unet(tiny_unet_options());
  AdapterNetwork network;
  network.inject(unet, unet_lora_naming(tiny_unet_options()), {.network_dim = 4, .conv_dim = 2, .conv_alpha = 1});
  std::map<std::string, int64_t> ranks;
  network.for_each_parameter([&](const std::string& parameter, const at::Tensor& tensor) {
    if (parameter.ends_with(".lora_up.weight")) ranks[parameter.substr(0, parameter.find('.'))] = tensor.size(1);
  });
  EXPECT_EQ(ranks.at("lora_unet_input_blocks_1_0_in_layers_2"), 2);
  EXPECT_EQ(ranks.at("lora_unet_input_blocks_2_0_op"), 2);
  EXPECT_EQ(ranks.at("lora_unet_input_blocks_1_0_emb_layers_1"), 4);
  EXPECT_EQ(ranks.at("lora_unet_input_blocks_3_0_skip_connection"), 4);
  EXPECT_EQ(ranks.at("lora_unet_middle_block_1_proj_in"), 4);
  for (const auto& [name, alpha] : network.constants()) {
    const bool kernel = ranks.at(name.substr(0, name.size() - 6)) == 2;
    EXPECT_EQ(alpha.item<double>(), kernel ? 1 : 8) << name;
  }
}

TEST(LoraNames, TheTextEncodersHaveKohyasModules) {
  // SDXL's two encoders by their sizes; the vocabulary has no adapters.
  CLIPTextOptions small{.vocab_size = 8, .hidden_size = 768, .intermediate_size = 3072, .num_hidden_layers = 12};
  CLIPTextOptions large{.vocab_size = 8, .hidden_size = 1280, .intermediate_size = 5120, .num_hidden_layers = 32};
  small.num_attention_heads = 12, large.num_attention_heads = 20;
  CLIPTextModel encoder_1(small), encoder_2(large);
  AdapterNetwork one, two;
  one.inject(encoder_1, text_encoder_lora_naming(1), {.network_dim = 4});
  two.inject(encoder_2, text_encoder_lora_naming(2), {.network_dim = 4});
  EXPECT_EQ(adapted_modules(one, 4), golden_modules("lora_te1_"));
  EXPECT_EQ(adapted_modules(two, 4), golden_modules("lora_te2_"));
  EXPECT_EQ(one.size() + two.size(), 264);
}

TEST(AdapterKeys, AreReadInEverySpelling) {
  struct Spelling {
    const char *key, *id, *tensor;
  };
  const Spelling spellings[] = {
      {"lora_unet_input_blocks_4_1_proj_in.lora_down.weight", "lora_unet_input_blocks_4_1_proj_in", "lora_down.weight"},
      {"lora_te2_text_model_encoder_layers_0_mlp_fc1.alpha", "lora_te2_text_model_encoder_layers_0_mlp_fc1", "alpha"},
      {"lora_unet_x.hada_w1_a", "lora_unet_x", "hada_w1_a"},
      {"lora_unet_x.lokr_w2", "lora_unet_x", "lokr_w2"},
      {"lycoris_down_blocks_0_x.lokr_w1_b", "lora_unet_down_blocks_0_x", "lokr_w1_b"},
      {"unet.up_blocks.0.x.lora_A.weight", "lora_unet_up_blocks_0_x", "lora_down.weight"},
      {"unet.up_blocks.0.x.lora.up.weight", "lora_unet_up_blocks_0_x", "lora_up.weight"},
      {"unet.up_blocks.0.x.lora_magnitude_vector", "lora_unet_up_blocks_0_x", "lora_magnitude_vector"},
      {"text_encoder.text_model.x.lora_B.weight", "lora_te1_text_model_x", "lora_up.weight"},
      {"text_encoder_2.text_model.x.lora_linear_layer.down.weight", "lora_te2_text_model_x", "lora_down.weight"},
      {"base_model.model.mid_block.x.lora_B.default.weight", "lora_unet_mid_block_x", "lora_up.weight"},
      {"base_model.model.mid_block.x.hada_t1.default", "lora_unet_mid_block_x", "hada_t1"},
      {"base_model.model.mid_block.x.lora_magnitude_vector.default.weight", "lora_unet_mid_block_x",
       "lora_magnitude_vector"},
  };
  for (const Spelling& spelling : spellings) {
    const std::optional<AdapterKey> key = parse_adapter_key(spelling.key);
    ASSERT_TRUE(key) << spelling.key;
    EXPECT_EQ(module_id(key->module), spelling.id);
    EXPECT_EQ(key->tensor, spelling.tensor) << spelling.key;
  }
  for (const char* unknown :
       {"lora_unet_x.diff", "lora_unet_x.oft_blocks", "bundle_emb.x.clip_l", "alpha", "x.weight"}) {
    EXPECT_FALSE(parse_adapter_key(unknown)) << unknown;
  }
}

/// Gives lora_up values, which are zero at first.
void randomise(Module& network) {
  network.for_each_parameter(
      [](const std::string& name, at::Tensor& tensor) { tensor = keyed_normal(tensor.sizes().vec(), name) * 0.1; });
}

/// Output and gradients of a projection with LoRA in fp32 against the effective weight W + alpha / rank * up down in
/// fp64, which `flatten` makes from (down, up).
void expect_like_effective_weight(Projection& projection, const at::Tensor& input_values) {
  initialize(projection, 1);
  AdapterNetwork network;
  network.inject(projection,
                 [](const std::string&) {
                   return AdapterPlace{"p", AdapterPlace::Target::kTransformer, {}};
                 },
                 {.network_dim = 3, .network_alpha = 2});
  randomise(network);
  network.set_requires_grad(true);
  std::map<std::string, at::Tensor> parameters;
  network.for_each_parameter([&](const std::string& name, at::Tensor& tensor) { parameters[name] = tensor; });
  const at::Tensor input = input_values.clone().set_requires_grad(true);
  const at::Tensor output = projection.forward(input);
  const at::Tensor cotangent = keyed_normal(output.sizes().vec(), "cotangent");
  output.backward(cotangent);

  const auto exact = [](const at::Tensor& tensor) { return tensor.detach().to(at::kDouble).set_requires_grad(true); };
  const at::Tensor x = exact(input), down = exact(parameters["p.lora_down.weight"]),
                   up = exact(parameters["p.lora_up.weight"]), weight = exact(projection.weight());
  const at::Tensor delta = up.flatten(1).matmul(down.flatten(1)).view(weight.sizes()) * 2 / 3;
  const at::Tensor reference = projection.apply(x, weight + delta, projection.bias().detach().to(at::kDouble));
  reference.backward(cotangent.to(at::kDouble));

  EXPECT_LE(relative_error(output, reference), 1e-6);
  EXPECT_LE(relative_error(input.grad(), x.grad()), 1e-6);
  EXPECT_LE(relative_error(parameters["p.lora_down.weight"].grad(), down.grad()), 1e-6);
  EXPECT_LE(relative_error(parameters["p.lora_up.weight"].grad(), up.grad()), 1e-6);
  EXPECT_FALSE(projection.weight().grad().defined());
}

TEST(Lora, LinearEqualsItsEffectiveWeight) {
  Linear linear(24, 17);
  expect_like_effective_weight(linear, keyed_normal({2, 5, 24}, "input"));
}

TEST(Lora, ConvolutionEqualsItsEffectiveWeight) {
  Conv2d conv(6, 9, 3, 2, 1);
  expect_like_effective_weight(conv, keyed_normal({2, 6, 7, 8}, "input"));
}

class LoraOfUNet : public testing::Test {
 protected:
  LoraOfUNet() {
    initialize(unet_, 1);
    network_.inject(unet_, naming_, {.network_dim = 4, .network_alpha = 2});
    network_.initialize_adapters(7);
  }

  TemporaryFolder folder_;
  UNet2DConditionModel unet_{tiny_unet_options()};
  LoraNaming naming_ = unet_lora_naming(tiny_unet_options());
  AdapterNetwork network_;
};

TEST_F(LoraOfUNet, ANewAdapterChangesNothing) {
  UNet2DConditionModel bare(tiny_unet_options());
  initialize(bare, 1);
  EXPECT_TRUE(run_unet(unet_, {}).equal(run_unet(bare, {})));
}

TEST_F(LoraOfUNet, LearnsUnderCheckpointingWhileTheModelIsFrozen) {
  randomise(network_);
  network_.set_requires_grad(true);
  const auto gradients = [&] {
    run_unet(unet_, {}).sum().backward();
    std::map<std::string, at::Tensor> all;
    network_.for_each_parameter([&](const std::string& name, at::Tensor& tensor) {
      all[name] = tensor.grad();
      tensor.mutable_grad().reset();
    });
    return all;
  };
  const auto plain = gradients();
  unet_.set_gradient_checkpointing(true);
  for (const auto& [name, gradient] : gradients()) {
    ASSERT_TRUE(gradient.defined()) << name;
    EXPECT_LE(relative_error(gradient, plain.at(name)), 1e-5) << name;
  }
  unet_.for_each_parameter(
      [](const std::string& name, at::Tensor& tensor) { EXPECT_FALSE(tensor.grad().defined()) << name; });
}

TEST_F(LoraOfUNet, AFileBringsTheSameAdapters) {
  randomise(network_);
  network_.save(folder_.path() / "lora.safetensors", SafeDtype::kF32, {{"ss_network_dim", "4"}});
  UNet2DConditionModel other(tiny_unet_options());
  initialize(other, 1);
  const auto loaded = AdapterNetwork::load(folder_.path() / "lora.safetensors");
  EXPECT_EQ(loaded->unattached().size(), static_cast<size_t>(network_.size()));
  EXPECT_EQ(loaded->attach(other, naming_), network_.size());
  EXPECT_TRUE(loaded->unattached().empty());
  EXPECT_TRUE(run_unet(other, {}).equal(run_unet(unet_, {})));

  const SafetensorsFile file(folder_.path() / "lora.safetensors");
  const SafeTensorInfo* alpha = file.find("lora_unet_middle_block_1_proj_in.alpha");
  ASSERT_NE(alpha, nullptr);
  EXPECT_TRUE(alpha->shape.empty());
  EXPECT_EQ(read_tensor(file, *alpha).item<float>(), 2);
}

TEST_F(LoraOfUNet, TheMultiplierScalesTheDifference) {
  randomise(network_);
  network_.save(folder_.path() / "lora.safetensors", SafeDtype::kF32);
  UNet2DConditionModel bare(tiny_unet_options());
  initialize(bare, 1);
  const at::Tensor without = run_unet(bare, {});
  const auto nothing = AdapterNetwork::load(folder_.path() / "lora.safetensors", 0);
  nothing->attach(bare, naming_);
  EXPECT_TRUE(run_unet(bare, {}).equal(without));
  EXPECT_FALSE(run_unet(unet_, {}).allclose(without));
}

TEST_F(LoraOfUNet, AnotherModelsAdaptersAreRefused) {
  network_.save(folder_.path() / "lora.safetensors", SafeDtype::kF32);
  UNet2DConditionOptions options = tiny_unet_options();
  options.cross_attention_dim = 20;
  UNet2DConditionModel other(options);
  try {
    AdapterNetwork::load(folder_.path() / "lora.safetensors")->attach(other, unet_lora_naming(options));
    FAIL() << "accepted";
  } catch (const WeightsError& error) {
    EXPECT_THAT(error.summary(), HasSubstr("attn2_to_k"));
  }
}

TEST_F(LoraOfUNet, WithItsAdaptersAbsorbedItIsTheSameModel) {
  for (const char* algo : {"lora", "locon", "loha", "lokr", "dora"}) {
    UNet2DConditionModel unet(tiny_unet_options());
    initialize(unet, 1);
    const at::Tensor bare = run_unet(unet, {});
    AdapterNetwork network;
    network.inject(unet, naming_, {.algo = algo, .network_dim = 3, .network_alpha = 2, .conv_dim = 2, .factor = 2});
    network.initialize_adapters(3);
    network.for_each_parameter([](const std::string& name, at::Tensor& tensor) {
      tensor = tensor + keyed_normal(tensor.sizes().vec(), name) * 0.1;
    });
    const at::Tensor adapted = run_unet(unet, {});
    absorb_adapters(unet);
    const at::Tensor merged = run_unet(unet, {});
    EXPECT_GT(relative_error(adapted, bare), 0.01) << algo;
    EXPECT_LE(relative_error(merged, adapted), 1e-5) << algo;
  }
}

TEST_F(LoraOfUNet, SeveralKindsInOneFileAndOtherNamesComeOutAsKohyas) {
  const std::string to_q = "transformer_blocks.0.attn1.to_q";
  const auto values = [](std::vector<int64_t> shape) { return keyed_normal(std::move(shape), "values"); };
  const std::filesystem::path file = folder_.path() / "mixed.safetensors";
  write_tensors(file, {{"unet.mid_block.attentions.0." + to_q + ".lora_A.weight", values({2, 32})},
                       {"unet.mid_block.attentions.0." + to_q + ".lora_B.weight", values({32, 2})},
                       {"lora_unet_conv_in.lokr_w1", values({2, 2})},
                       {"lora_unet_conv_in.lokr_w2", values({8, 2, 3, 3})},
                       {"lora_unet_down_blocks_0_resnets_0_conv1.hada_w1_a", values({16, 2})},
                       {"lora_unet_down_blocks_0_resnets_0_conv1.hada_w1_b", values({2, 144})},
                       {"lora_unet_down_blocks_0_resnets_0_conv1.hada_w2_a", values({16, 2})},
                       {"lora_unet_down_blocks_0_resnets_0_conv1.hada_w2_b", values({2, 144})},
                       {"lora_unet_elsewhere.lora_down.weight", values({2, 4})},
                       {"lora_unet_elsewhere.lora_up.weight", values({4, 2})},
                       {"lora_unet_conv_out.diff_b", values({4})}});
  UNet2DConditionModel unet(tiny_unet_options());
  initialize(unet, 1);
  const auto network = AdapterNetwork::load(file);
  EXPECT_EQ(network->attach(unet, naming_), 3);
  EXPECT_THAT(network->unattached(), testing::ElementsAre("lora_unet_elsewhere"));
  EXPECT_THAT(network->unknown_keys(), testing::ElementsAre("lora_unet_conv_out.diff_b"));
  network->save(folder_.path() / "saved.safetensors", SafeDtype::kF32);
  const SafetensorsFile saved(folder_.path() / "saved.safetensors");
  EXPECT_TRUE(saved.find("lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q.lora_down.weight"));
  EXPECT_TRUE(saved.find("lora_unet_input_blocks_0_0.lokr_w2"));
  EXPECT_TRUE(saved.find("lora_unet_input_blocks_1_0_in_layers_2.hada_w2_b"));
  EXPECT_EQ(saved.tensors().size(), 3u + 3u + 5u);  // the alphas are written
  UNet2DConditionModel other(tiny_unet_options());
  initialize(other, 1);
  EXPECT_EQ(AdapterNetwork::load(folder_.path() / "saved.safetensors")->attach(other, naming_), 3);
  EXPECT_LE(relative_error(run_unet(other, {}), run_unet(unet, {})), 1e-6);
}

TEST_F(LoraOfUNet, TwoAdaptersForOneLayerAreRefused) {
  const std::filesystem::path file = folder_.path() / "twice.safetensors";
  write_tensors(file, {{"lora_unet_middle_block_1_proj_in.lora_down.weight", at::ones({2, 32})},
                       {"lora_unet_middle_block_1_proj_in.lora_up.weight", at::ones({32, 2})},
                       {"lora_unet_mid_block_attentions_0_proj_in.lora_down.weight", at::ones({2, 32})},
                       {"lora_unet_mid_block_attentions_0_proj_in.lora_up.weight", at::ones({32, 2})}});
  EXPECT_THROW(AdapterNetwork::load(file)->attach(unet_, naming_), WeightsError);
}

TEST_F(LoraOfUNet, AdaptersOfStableDiffusion1AreRefused) {
  const std::filesystem::path file = folder_.path() / "sd15.safetensors";
  const std::string block = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k";
  write_tensors(file, {{block + ".lora_down.weight", at::ones({4, 768})},
                       {block + ".lora_up.weight", at::ones({640, 4})},
                       {"lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", at::ones({4, 768})},
                       {"lora_te_text_model_encoder_layers_0_mlp_fc1.lora_up.weight", at::ones({3072, 4})}});
  try {
    AdapterNetwork::load(file);
    FAIL() << "accepted";
  } catch (const WeightsError& error) {
    EXPECT_THAT(error.summary(), HasSubstr("Stable Diffusion 1"));
    EXPECT_THAT(error.summary(), HasSubstr("SDXL"));
  }
}

TEST_F(LoraOfUNet, AdaptersWithoutNumbersAreRefusedByTheTensor) {
  const std::filesystem::path file = folder_.path() / "broken.safetensors";
  const std::string module = "lora_unet_middle_block_1_proj_in";
  at::Tensor up = at::ones({32, 2});
  up[3][1] = NAN;
  write_tensors(file, {{module + ".lora_down.weight", at::ones({2, 32})}, {module + ".lora_up.weight", up}});
  try {
    AdapterNetwork::load(file);
    FAIL() << "accepted";
  } catch (const WeightsError& error) {
    EXPECT_THAT(error.summary(), HasSubstr("1 of its 64 numbers are none (NaN or infinite)"));
    EXPECT_THAT(error.where(), HasSubstr("broken.safetensors: " + module + ".lora_up.weight"));
  }
}

TEST_F(LoraOfUNet, WhatHalfPrecisionCannotHoldIsNotSaved) {
  network_.for_each_parameter([](const std::string&, at::Tensor& tensor) { tensor = at::full_like(tensor, 7e4); });
  EXPECT_THROW(network_.save(folder_.path() / "lora.safetensors", SafeDtype::kF16), WeightsError);
  EXPECT_NO_THROW(network_.save(folder_.path() / "lora.safetensors", SafeDtype::kBF16));
}

TEST_F(LoraOfUNet, AMisfitsHintNamesStableDiffusion1UnderDottedNamesToo) {
  const std::filesystem::path file = folder_.path() / "sd15.safetensors";
  const std::string module = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k";
  // A full matrix of LoKr: its header alone tells no width.
  write_tensors(file, {{module + ".lokr_w1", at::ones({1, 1})}, {module + ".lokr_w2", at::ones({32, 768})}});
  try {
    AdapterNetwork::load(file)->attach(unet_, naming_);
    FAIL() << "accepted";
  } catch (const WeightsError& error) {
    EXPECT_THAT(error.hint(), HasSubstr("Stable Diffusion 1"));
  }
}

TEST_F(LoraOfUNet, FilesWithoutAdaptersAreRefused) {
  write_tensors(folder_.path() / "loha.safetensors", {{"lora_unet_x.hada_w1_a", at::ones({2, 2})}});
  EXPECT_THROW(AdapterNetwork::load(folder_.path() / "loha.safetensors"), WeightsError);
  write_tensors(folder_.path() / "half.safetensors", {{"lora_unet_x.lora_up.weight", at::ones({2, 2})}});
  EXPECT_THROW(AdapterNetwork::load(folder_.path() / "half.safetensors"), WeightsError);
  write_tensors(folder_.path() / "diff.safetensors", {{"lora_unet_x.diff", at::ones({2, 2})}});
  EXPECT_THROW(AdapterNetwork::load(folder_.path() / "diff.safetensors"), WeightsError);
}

TEST_F(LoraOfUNet, AlphasBesideTheTensorsCount) {
  const std::string path = "unet.mid_block.attentions.0.proj_in";
  const std::filesystem::path file = folder_.path() / "diffusers.safetensors";
  const auto alpha_of = [&](const std::string& configuration) {
    write_tensors(file, {{path + ".lora_A.weight", at::ones({4, 32})}, {path + ".lora_B.weight", at::ones({32, 4})}},
                  {{"lora_adapter_metadata", configuration}});
    UNet2DConditionModel unet(tiny_unet_options());
    const auto network = AdapterNetwork::load(file);
    network->attach(unet, naming_);
    return network->constants().at(0).second.item<double>();
  };
  EXPECT_EQ(alpha_of("{}"), 4);
  EXPECT_EQ(alpha_of(R"({"unet.r": 4, "unet.lora_alpha": 2, "text_encoder.lora_alpha": 9})"), 2);
  EXPECT_EQ(alpha_of(R"({"unet.lora_alpha": 2, "unet.use_rslora": true})"), 4);  // 2 * sqrt(4)
  EXPECT_EQ(alpha_of(R"({"unet.lora_alpha": 2, "unet.alpha_pattern": {"mid_block.attentions.0.proj_in": 3}})"), 3);
  EXPECT_THROW(alpha_of("nonsense"), WeightsError);
}

TEST_F(LoraOfUNet, MatricesThatDoNotGoTogetherAreRefused) {
  const std::filesystem::path file = folder_.path() / "odd.safetensors";
  const auto refused = [&](std::vector<int64_t> down, std::vector<int64_t> up, std::vector<int64_t> alpha) {
    write_tensors(file, {{"lora_unet_x.lora_down.weight", at::ones(down)},
                         {"lora_unet_x.lora_up.weight", at::ones(up)},
                         {"lora_unet_x.alpha", at::ones(alpha)}});
    EXPECT_THROW(AdapterNetwork::load(file), WeightsError);
  };
  refused({2, 8}, {8, 3}, {});   // two ranks
  refused({0, 8}, {8, 0}, {});   // no rank
  refused({2, 8}, {8, 2}, {2});  // two alphas
}

}  // namespace
}  // namespace atelier

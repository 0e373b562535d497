#include "models/clip/clip_text_model.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "models/clip/clip_layers.h"
#include "tests/support/golden_tensors.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

CLIPTextOptions small_clip() {
  CLIPTextOptions options;
  options.with_projection = true;
  options.vocab_size = 500;
  options.hidden_size = 64;
  options.intermediate_size = 160;
  options.num_hidden_layers = 3;
  options.num_attention_heads = 4;
  options.projection_dim = 48;
  options.eos_token_id = 2;
  return options;
}

at::Tensor some_ids() { return at::arange(3 * 20, at::kLong).mul(37).remainder(500).view({3, 20}); }

TEST(CLIPTextModel, IsDrawnLikeTransformers) {
  const GoldenTensors golden("clip_init/clip_init.safetensors");
  CLIPTextModel model(small_clip());
  initialize(model, 11);
  size_t compared = 0;
  model.for_each_parameter([&](const std::string& name, at::Tensor& parameter) {
    SCOPED_TRACE(name);
    const double mean = golden[name][0].item<double>(), deviation = golden[name][1].item<double>();
    const auto count = static_cast<double>(parameter.numel());
    // Five standard errors of the mean and of the deviation of `count` draws.
    EXPECT_NEAR(parameter.mean().item<double>(), mean, 5 * deviation / std::sqrt(count) + 1e-9);
    EXPECT_NEAR(parameter.std().item<double>(), deviation, 5 * deviation / std::sqrt(2 * count) + 1e-9);
    ++compared;
  });
  EXPECT_EQ(compared, golden.all().size());
}

TEST(CLIPTextModel, CheckpointingGivesTheSameGradients) {
  CLIPTextModel model(small_clip());
  initialize(model, 3);
  model.set_requires_grad(true);
  const auto gradients = [&](bool checkpointing) {
    model.set_gradient_checkpointing(checkpointing);
    const CLIPTextOutput output = model.forward(some_ids());
    (output.hidden_state.square().mean() + output.pooled.sin().sum()).backward();
    std::vector<at::Tensor> result;
    model.for_each_parameter([&](const std::string&, at::Tensor& parameter) {
      result.push_back(parameter.grad().clone());
      parameter.mutable_grad().reset();
    });
    return result;
  };
  const std::vector<at::Tensor> plain = gradients(false), recomputed = gradients(true);
  const auto rms = [](const at::Tensor& x) { return x.to(at::kDouble).square().mean().sqrt().item<double>(); };
  double typical = 0;  // a gradient that is zero but for rounding (the keys' biases) is judged against this
  for (const at::Tensor& gradient : plain) typical += rms(gradient) / static_cast<double>(plain.size());
  for (size_t i = 0; i < plain.size(); ++i) {
    EXPECT_LT(rms(recomputed[i] - plain[i]), 1e-5 * rms(plain[i]) + 1e-6 * typical) << i;
  }
}

TEST(CLIPTextModel, PenultimateAloneIsThatOfForward) {
  CLIPTextModel model(small_clip());
  initialize(model, 5);
  EXPECT_TRUE(model.hidden_state(some_ids()).equal(model.forward(some_ids()).hidden_state));
}

TEST(CLIPTextModel, ClipSkipCountsLayersFromTheEnd) {
  CLIPTextModel model(small_clip());  // 3 layers
  initialize(model, 5);
  const auto state = [&](int64_t clip_skip) { return model.hidden_state(some_ids(), {.clip_skip = clip_skip}); };
  for (const int64_t clip_skip : {1, 2, 3, 4}) {
    const CLIPTextOutput output = model.forward(some_ids(), {.clip_skip = clip_skip});
    EXPECT_TRUE(output.hidden_state.equal(state(clip_skip))) << clip_skip;
    EXPECT_TRUE(output.pooled.equal(model.forward(some_ids()).pooled)) << clip_skip;
  }
  EXPECT_GT(l2_error(state(1), state(2)), 1e-3);
  EXPECT_THROW(state(0), ConfigError);
  EXPECT_THROW(state(5), ConfigError);
}

TEST(CLIPTextModel, VectorsStandInThePlaceOfTokens) {
  CLIPTextModel model(small_clip());
  initialize(model, 5);
  const at::Tensor ids = some_ids();
  at::Tensor other = ids.clone();
  other[1].narrow(0, 4, 2).fill_(0);
  at::Tensor table;
  model.for_each_parameter([&](const std::string& name, at::Tensor& parameter) {
    if (name.ends_with("token_embedding.weight")) table = parameter;
  });
  const std::vector<TokenVectors> replaced = {{1, 4, table.index_select(0, ids[1].narrow(0, 4, 2))}};
  const CLIPTextOutput ours = model.forward(other, {.replaced = replaced});
  EXPECT_TRUE(ours.last_hidden_state.equal(model.forward(ids).last_hidden_state));
  EXPECT_GT(l2_error(ours.last_hidden_state, model.forward(other).last_hidden_state), 1e-3);
}

TEST(CLIPTextModel, GradientsReachVectorsAndPassTheTokensTheyReplace) {
  CLIPTextModel model(small_clip());
  initialize(model, 5);
  model.set_requires_grad(true);
  const at::Tensor ids = at::full({1, 6}, 7, at::kLong);
  const std::vector<TokenVectors> replaced = {{0, 0, at::ones({6, 64}).requires_grad_()}};
  model.hidden_state(ids, {.replaced = replaced}).square().sum().backward();
  EXPECT_GT(replaced[0].vectors.grad().abs().max().item<double>(), 0);
  model.for_each_parameter([&](const std::string& name, at::Tensor& parameter) {
    if (!name.ends_with("token_embedding.weight")) return;
    EXPECT_EQ(parameter.grad().abs().max().item<double>(), 0);
  });
}

TEST(CLIPTextModel, ALaterTokenChangesNoEarlierState) {
  CLIPTextModel model(small_clip());
  initialize(model, 5);
  at::Tensor other = some_ids();
  other.narrow(1, 12, 8).add_(1).remainder_(500);
  const at::Tensor a = model.forward(some_ids()).last_hidden_state, b = model.forward(other).last_hidden_state;
  EXPECT_LT(l2_error(a.narrow(1, 0, 12), b.narrow(1, 0, 12)), 1e-6);
  EXPECT_GT(l2_error(a.narrow(1, 12, 8), b.narrow(1, 12, 8)), 1e-2);
}

TEST(CLIPTextModel, TooLongATextIsToldWithTheLimit) {
  CLIPTextModel model(small_clip());
  try {
    model.forward(at::zeros({1, 78}, at::kLong));
    FAIL();
  } catch (const WeightsError& error) {
    EXPECT_NE(error.where().find("77"), std::string::npos) << error.where();
  }
}

TEST(CLIPTextModel, SavesAndLoadsTheSame) {
  const TemporaryFolder folder;
  CLIPTextModel model(small_clip());
  initialize(model, 9);
  model.save_pretrained(folder.path(), SafeDtype::kF32);
  const auto loaded = CLIPTextModel::from_pretrained(folder.path());
  EXPECT_TRUE(loaded->forward(some_ids()).pooled.equal(model.forward(some_ids()).pooled));
}

void expect_config_error(const std::string& config, const std::string& key) {
  SCOPED_TRACE(config);
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "config.json") << config;
  try {
    read_clip_text_options(folder.path());
    ADD_FAILURE() << "no error";
  } catch (const WeightsError& error) {
    EXPECT_NE(error.summary().find(key), std::string::npos) << error.summary();
    EXPECT_NE(error.where().find("config.json"), std::string::npos) << error.where();
  }
}

TEST(CLIPTextOptions, UnsupportedValuesNameKeyAndFile) {
  expect_config_error(R"({"architectures": ["CLIPModel"]})", "architectures");
  expect_config_error(R"({"architectures": ["CLIPTextModel"], "hidden_act": "relu"})", "hidden_act");
  expect_config_error(R"({"architectures": ["CLIPTextModel"], "attention_dropout": 0.1})", "attention_dropout");
  expect_config_error(R"({"architectures": ["CLIPTextModel"], "num_attention_heads": 7})", "num_attention_heads");
  expect_config_error(R"({"architectures": ["CLIPTextModel"], "hidden_size": "wide"})", "hidden_size");
  expect_config_error(R"({"architectures": ["CLIPTextModel"], "num_hidden_layers": 0})", "num_hidden_layers");
  expect_config_error("[1, 2]", "JSON");
}

}  // namespace
}  // namespace atelier

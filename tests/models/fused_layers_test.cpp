// Both bodies of every `norm + activation -> projection` unit: equal outputs and gradients, whatever sits in the
// projections' slots, and what the fused body keeps.
#include <gtest/gtest.h>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "models/adapters/adapter_network.h"
#include "models/clip/clip_text_model.h"
#include "models/layers/fused_input.h"
#include "models/layers/input_recipe.h"
#include "models/layers/layer_body.h"
#include "models/layers/normed_projection.h"
#include "tests/models/tiny_unet.h"
#include "tools/bench/live_memory.h"

namespace atelier {
namespace {

using NamedTensors = std::map<std::string, at::Tensor>;

/// A UNet, a text encoder and their adapters.
struct Models {
  Models(const std::string& algo, bool base_trained) : unet(unet_options()), text_encoder(text_options()) {
    initialize(unet, 2);
    initialize(text_encoder, 3);
    unet.set_requires_grad(base_trained);
    text_encoder.set_requires_grad(base_trained);
    if (algo != "none") adapt(algo);
  }

  void set_checkpointing(bool enabled) {
    unet.set_gradient_checkpointing(enabled);
    text_encoder.set_gradient_checkpointing(enabled);
  }

  void adapt(const std::string& algo) {
    NetworkOptions options;
    options.algo = algo;
    options.network_dim = 2;
    options.conv_dim = 2;
    network.inject(unet, unet_lora_naming(unet.options()), options);
    network.inject(text_encoder, text_encoder_lora_naming(1), options);
    network.initialize_adapters(4);
    network.for_each_parameter([](const std::string& name, at::Tensor& tensor) {
      tensor = tensor.detach() + 0.1 * keyed_normal(tensor.sizes().vec(), name);
    });
    network.set_requires_grad(true);
  }

  void set_body(LayerBody body) {
    set_layer_body(unet, body);
    set_layer_body(text_encoder, body);
  }

  /// Outputs, and the gradients of inputs and of all that is trained.
  NamedTensors run() {
    UNetInputs inputs;
    inputs.sample.set_requires_grad(true);
    inputs.text_embeds.set_requires_grad(true);
    const at::Tensor ids = at::arange(2 * 5, at::kLong).mul(7).remainder(50).view({2, 5});
    inputs.text = text_encoder.forward(ids).last_hidden_state;
    const at::Tensor output = run_unet(unet, inputs);
    output.backward(keyed_normal(output.sizes().vec(), "cotangent"));
    NamedTensors all{{"output", output.detach()},
                     {"sample", inputs.sample.grad()},
                     {"text_embeds", inputs.text_embeds.grad()}};
    collect(unet, "unet.", all);
    collect(text_encoder, "text_encoder.", all);
    collect(network, "network.", all);
    return all;
  }

  UNet2DConditionModel unet;
  CLIPTextModel text_encoder;
  AdapterNetwork network;

 private:
  static UNet2DConditionOptions unet_options() {
    UNet2DConditionOptions options = tiny_unet_options();
    options.use_linear_projection = true;
    return options;
  }

  static CLIPTextOptions text_options() {
    CLIPTextOptions options;
    options.vocab_size = 50;
    options.hidden_size = 12;
    options.intermediate_size = 24;
    options.num_hidden_layers = 2;
    options.num_attention_heads = 3;
    return options;
  }

  static void collect(Module& module, const std::string& prefix, NamedTensors& all) {
    module.for_each_parameter([&](const std::string& name, at::Tensor& tensor) {
      if (!tensor.requires_grad()) return;
      EXPECT_TRUE(tensor.grad().defined() || prefix == "text_encoder.") << name;
      if (tensor.grad().defined()) all[prefix + name] = tensor.grad();
      tensor.mutable_grad().reset();
    });
  }
};

double rms(const at::Tensor& tensor) { return tensor.to(at::kDouble).square().mean().sqrt().item<double>(); }

/// Relative to the tensor and to a typical one: some gradients are zero but for rounding.
void expect_equal(const NamedTensors& values, const NamedTensors& wanted, double tolerance) {
  ASSERT_EQ(values.size(), wanted.size());
  std::vector<double> sizes;
  for (const auto& [name, tensor] : wanted) sizes.push_back(rms(tensor));
  std::nth_element(sizes.begin(), sizes.begin() + static_cast<int64_t>(sizes.size() / 2), sizes.end());
  const double typical = sizes[sizes.size() / 2];
  EXPECT_GT(typical, 0);
  for (const auto& [name, value] : values) {
    ASSERT_TRUE(wanted.contains(name)) << name;
    const at::Tensor& reference = wanted.at(name);
    EXPECT_LE(rms(value - reference) / (rms(reference) + 0.1 * typical), tolerance) << name;
  }
}

/// Small tensors: threads would only wait for each other.
class BothBodies : public testing::TestWithParam<std::tuple<std::string, bool>> {
 protected:
  BothBodies() { at::set_num_threads(1); }
  ~BothBodies() override { at::set_num_threads(threads_); }

 private:
  int threads_ = at::get_num_threads();
};

TEST_P(BothBodies, GiveEqualGradientsCheckpointedOrNot) {
  const auto& [algo, base_trained] = GetParam();
  Models models(algo, base_trained);
  models.set_body(LayerBody::kPlain);
  const NamedTensors wanted = models.run();
  for (const LayerBody body : {LayerBody::kPlain, LayerBody::kFused}) {
    for (const bool checkpointed : {false, true}) {
      if (body == LayerBody::kPlain && !checkpointed) continue;
      SCOPED_TRACE(testing::Message() << (body == LayerBody::kFused ? "fused" : "plain")
                                      << (checkpointed ? ", checkpointed" : ""));
      models.set_body(body);
      models.set_checkpointing(checkpointed);
      expect_equal(models.run(), wanted, 1e-5);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Adapters, BothBodies,
                         testing::Combine(testing::Values("none", "lora", "locon", "loha", "lokr", "dora"),
                                          testing::Bool()),
                         [](const auto& test) {
                           return std::get<0>(test.param) +
                                  (std::get<1>(test.param) ? "_base_trained" : "_base_frozen");
                         });

/// A unit of each kind in one expression; its parameters are trained.
struct Units {
  Units() {
    for (Module* module : all()) initialize(*module, 1);
    for (Module* module : all()) module->set_requires_grad(true);
  }

  std::vector<Module*> all() {
    return {&group_norm, &conv, &positions, &layer_norm, &query, &key, &value, &up, &down, &out};
  }

  void set_body(LayerBody body) {
    for (Module* module : all()) set_layer_body(*module, body);
  }

  at::Tensor forward(const at::Tensor& input /*[2, 8, 5, 3]*/) const {
    const at::Tensor pixels = normed_projection(group_norm, Activation::kSilu, conv, input);
    const at::Tensor rows = normed_positions_projection(group_norm, positions, pixels);
    const auto [q, k, v] = normed_projections<3>(layer_norm, {&query, &key, &value}, rows);
    const at::Tensor gated = geglu_projection(down, normed_projection(layer_norm, Activation::kNone, up, q * k + v));
    return activated_projection(Activation::kGelu, out, gated);
  }

  GroupNorm group_norm{4, 8};
  Conv2d conv{8, 8, 3, 1, 1};
  Linear positions{8, 8};
  LayerNorm layer_norm{8};
  Linear query{8, 8, false}, key{8, 8, false}, value{8, 8, false}, up{8, 32}, down{16, 8}, out{8, 8};
};

at::Tensor unit_input() { return keyed_normal({2, 8, 5, 3}, "input"); }

class FusedUnits : public testing::Test {
 protected:
  FusedUnits() { units_.set_body(LayerBody::kFused); }
  Units units_;
};

TEST_F(FusedUnits, WithoutGradientModeNothingIsKept) {
  const at::Tensor input = unit_input();
  const at::Tensor wanted = units_.forward(input);
  const at::NoGradGuard no_grad;
  const at::Tensor output = units_.forward(input);
  EXPECT_FALSE(output.requires_grad());
  EXPECT_TRUE(output.equal(wanted));
}

TEST_F(FusedUnits, AKeptGraphGivesTheSameGradientsAgain) {
  const at::Tensor input = unit_input().requires_grad_();
  const at::Tensor output = units_.forward(input).sum();
  output.backward({}, /*retain_graph=*/true);
  const at::Tensor first = input.grad().clone(), first_weight = units_.conv.weight().grad().clone();
  output.backward();
  EXPECT_TRUE(input.grad().equal(2 * first));
  EXPECT_TRUE(units_.conv.weight().grad().equal(2 * first_weight));
  EXPECT_THROW(output.backward(), c10::Error);  // released now
}

TEST_F(FusedUnits, GradientsOfAPartOfTheGraph) {
  const at::Tensor input = unit_input().requires_grad_();
  const at::Tensor output = units_.forward(input).sum();
  // Only some takers of a recipe come, twice; then all.
  const auto part = [&] { return torch::autograd::grad({output}, {units_.key.weight()}, {}, true)[0]; };
  const at::Tensor first = part();
  EXPECT_TRUE(part().equal(first));
  output.backward();
  EXPECT_TRUE(units_.key.weight().grad().equal(first));
}

TEST_F(FusedUnits, GradientsOfGradientsAreRefused) {
  const at::Tensor input = unit_input().requires_grad_();
  EXPECT_THROW(torch::autograd::grad({units_.forward(input).sum()}, {input}, {}, true, /*create_graph=*/true),
               std::logic_error);
}

TEST_F(FusedUnits, AnInputChangedInPlaceIsNoticed) {
  const at::Tensor input = unit_input();
  const at::Tensor output = units_.forward(input);
  input.add_(1);
  EXPECT_THROW(output.sum().backward(), c10::Error);
}

TEST(FusedMemory, NothingIsLeftAfterBackwardAndLessIsKeptBeforeIt) {
  Models models("lora", true);
  std::map<LayerBody, int64_t> kept;
  for (const LayerBody body : {LayerBody::kPlain, LayerBody::kFused}) {
    models.set_body(body);
    models.run();
    const at::Tensor ids = at::arange(10, at::kLong).view({2, 5});
    UNetInputs inputs;
    LiveMemory memory;
    {
      inputs.text = models.text_encoder.forward(ids).last_hidden_state;
      const at::Tensor loss = run_unet(models.unet, inputs).sum();
      kept[body] = memory.live();
      loss.backward();
      for (Module* module : std::initializer_list<Module*>{&models.unet, &models.text_encoder, &models.network}) {
        module->for_each_parameter([](const std::string&, at::Tensor& tensor) { tensor.mutable_grad().reset(); });
      }
      // While the loss lives its graph does; what the graph kept is gone.
      EXPECT_LE(memory.live(), kept[body] / 20);
    }
    inputs.text.reset();
    EXPECT_EQ(memory.live(), 0);
  }
  EXPECT_LE(kept[LayerBody::kFused], 0.8 * static_cast<double>(kept[LayerBody::kPlain]));
}

class CountingRecipe : public InputRecipe {
 public:
  mutable int made = 0;

 private:
  at::Tensor make() const override {
    ++made;
    return at::ones({1});
  }
};

TEST(InputRecipe, MakesTheInputOnceABackwardPass) {
  CountingRecipe recipe;
  for (int i = 0; i < 3; ++i) recipe.expect_taker();
  for (int pass = 1; pass <= 2; ++pass) {
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(recipe.take().defined());
    EXPECT_EQ(recipe.made, pass);
  }
  recipe.take();
  recipe.drop();
  for (int i = 0; i < 3; ++i) recipe.take();
  EXPECT_EQ(recipe.made, 4);
}

}  // namespace
}  // namespace atelier

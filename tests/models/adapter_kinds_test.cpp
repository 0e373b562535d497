// Every kind of adapter on every kind of projection.
#include "models/adapters/adapter_kinds.h"

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <memory>
#include <string>
#include <vector>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/adapters/lokr.h"
#include "models/options/network_options.h"
#include "tests/models/tiny_unet.h"

namespace atelier {
namespace {

enum class Layer { kLinear, kConvolution, kPointwise };

struct KindCase {
  std::string name, algo;
  bool decomposed = false, tucker = false;
  AdapterSize size{3, 2};
  Layer layer = Layer::kLinear;
};

std::string case_name(const testing::TestParamInfo<KindCase>& info) { return info.param.name; }

/// What a network makes.
std::vector<KindCase> new_cases() {
  const std::vector<KindCase> kinds = {
      {"Lora", "lora"},
      {"Dora", "dora", true},
      {"Loha", "loha"},
      {"LohaDora", "loha", true},
      {"Lokr", "lokr", false, false, {2, 3, 2}},
      {"LokrWhole", "lokr", false, false, {64, 3, -1}},
      {"LokrDora", "lokr", true, false, {2, 1, 2}},
  };
  std::vector<KindCase> cases;
  for (const auto& [layer, suffix] : {std::pair{Layer::kLinear, "Linear"}, std::pair{Layer::kConvolution, "Conv3x3"},
                                      std::pair{Layer::kPointwise, "Conv1x1"}}) {
    for (KindCase kind : kinds) {
      kind.name += suffix, kind.layer = layer;
      cases.push_back(kind);
    }
  }
  return cases;
}

/// And what files alone have.
std::vector<KindCase> all_cases() {
  std::vector<KindCase> cases = new_cases();
  for (KindCase tucker : {KindCase{"LoraTucker", "lora"}, KindCase{"LohaTucker", "loha"},
                          KindCase{"LokrTucker", "lokr"}, KindCase{"DoraTucker", "dora", true}}) {
    tucker.tucker = true, tucker.layer = Layer::kConvolution;
    cases.push_back(tucker);
  }
  return cases;
}

/// The tensors of a module in Tucker form, which only files have: rank 3 on [12, 20, 3, 3].
AdapterParts tucker_parts(const KindCase& kind) {
  AdapterParts parts{"module", "file", {}, 2.0, 1};
  const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
    parts.tensors[name] = keyed_normal(std::move(shape), name) * 0.4;
  };
  if (kind.algo == "loha") {
    for (const char* factor : {"1", "2"}) {
      add(text("hada_w", factor, "_a"), {3, 12});
      add(text("hada_w", factor, "_b"), {3, 20});
      add(text("hada_t", factor), {3, 3, 3, 3});
    }
  } else if (kind.algo == "lokr") {
    add("lokr_w1", {2, 4});
    add("lokr_w2_a", {3, 6});
    add("lokr_w2_b", {3, 5});
    add("lokr_t2", {3, 3, 3, 3});
  } else {
    add("lora_down.weight", {3, 20, 1, 1});
    add("lora_mid.weight", {3, 3, 3, 3});
    add("lora_up.weight", {12, 3, 1, 1});
    if (kind.decomposed) parts.tensors["dora_scale"] = keyed_normal({12, 1, 1, 1}, "dora").abs() + 0.5;
  }
  return parts;
}

class AdapterKinds : public testing::TestWithParam<KindCase> {
 protected:
  AdapterKinds() {
    if (GetParam().layer == Layer::kLinear) {
      projection_ = std::make_unique<Linear>(20, 12);
    } else {
      const bool kernel = GetParam().layer == Layer::kConvolution;
      projection_ = std::make_unique<Conv2d>(20, 12, kernel ? 3 : 1, kernel ? 2 : 1, kernel ? 1 : 0);
    }
    initialize(*projection_, 1);
    adapter_ = make();
  }

  std::shared_ptr<NetworkAdapter> make() const {
    if (GetParam().tucker) return read_adapter(tucker_parts(GetParam()));
    const at::IntArrayRef shape = projection_->weight().sizes();
    std::shared_ptr<NetworkAdapter> adapter = adapter_kind(GetParam().algo).make(shape, GetParam().size);
    if (GetParam().decomposed) adapter->decompose(shape);
    initialize(*adapter, 3);
    adapter->begin_at(projection_->weight());
    return adapter;
  }

  /// Moves every parameter away from where it begins.
  static void randomise(NetworkAdapter& adapter) {
    adapter.for_each_parameter([](const std::string& name, at::Tensor& tensor) {
      tensor = tensor + keyed_normal(tensor.sizes().vec(), name) * 0.3;
    });
  }

  static void to_double(Module& module) {
    module.for_each_parameter([](const std::string&, at::Tensor& tensor) { tensor = tensor.to(at::kDouble); });
  }

  at::Tensor input() const {
    return GetParam().layer == Layer::kLinear ? keyed_normal({2, 5, 20}, "input")
                                              : keyed_normal({2, 20, 6, 7}, "input");
  }

  std::unique_ptr<Projection> projection_;
  std::shared_ptr<NetworkAdapter> adapter_;
};

class NewAdapterKinds : public AdapterKinds {};

TEST_P(NewAdapterKinds, ChangeNothing) {
  EXPECT_TRUE(adapter_->fits(*projection_));
  EXPECT_LE(relative_error(adapter_->adapted_weight(projection_->weight()), projection_->weight()), 3e-7);
}

TEST_P(AdapterKinds, ForwardEqualsTheMergedWeight) {
  randomise(*adapter_);
  projection_->attach(adapter_);
  for (const double multiplier : {1.0, 0.6}) {
    adapter_->set_multiplier(multiplier);
    const at::Tensor merged = projection_->merged_weight();
    EXPECT_GT(relative_error(merged, projection_->weight()), 0.05);
    const at::Tensor reference = projection_->apply(input(), merged, projection_->bias());
    EXPECT_LE(relative_error(projection_->forward(input()), reference), 1e-5);
  }
}

TEST_P(AdapterKinds, WhatActsThroughTheWeightIsAbsorbed) {
  randomise(*adapter_);
  projection_->attach(adapter_);
  const at::Tensor bare = projection_->weight(), merged = projection_->merged_weight();
  const at::Tensor answer = projection_->forward(input());
  projection_->absorb_adapters();
  EXPECT_TRUE(projection_->weight().equal(adapter_->acts_on_output() ? bare : merged));
  EXPECT_TRUE(projection_->forward(input()).equal(answer));
  adapter_->set_multiplier(3);
  EXPECT_EQ(projection_->forward(input()).equal(answer), !adapter_->acts_on_output());
}

TEST_P(AdapterKinds, TheMultiplierGoesPartOfTheWay) {
  randomise(*adapter_);
  const at::Tensor weight = projection_->weight(), whole = adapter_->adapted_weight(weight);
  adapter_->set_multiplier(-0.7);
  EXPECT_LE(relative_error(adapter_->adapted_weight(weight), weight - (whole - weight) * 0.7), 1e-6);
  adapter_->set_multiplier(0);
  EXPECT_LE(relative_error(adapter_->adapted_weight(weight), weight), 1e-7);
}

/// Directional derivatives in fp64: a few per mille of the parameters would show.
TEST_P(AdapterKinds, GradientsAreTheFiniteDifferences) {
  randomise(*adapter_);
  to_double(*adapter_);
  to_double(*projection_);
  adapter_->set_multiplier(0.8);
  projection_->attach(adapter_);
  const at::Tensor x = input().to(at::kDouble).set_requires_grad(true);
  const auto loss = [&] {
    const at::Tensor output = projection_->forward(x);
    return (output * keyed_normal(output.sizes().vec(), "cotangent").to(at::kDouble)).sum();
  };
  adapter_->set_requires_grad(true);
  loss().backward();
  const auto expect_derivative = [&](const std::string& name, at::Tensor& tensor) {
    const at::Tensor kept = tensor, gradient = tensor.grad();
    ASSERT_TRUE(gradient.defined()) << name;
    const at::NoGradGuard no_grad;
    const at::Tensor direction = keyed_normal(kept.sizes().vec(), "direction").to(at::kDouble);
    const double step = 1e-5;
    tensor = kept + direction * step;
    const double above = loss().item<double>();
    tensor = kept - direction * step;
    const double below = loss().item<double>();
    tensor = kept;
    const double wanted = (above - below) / (2 * step), given = (gradient * direction).sum().item<double>();
    const double size = (gradient.norm() * direction.norm()).item<double>();
    EXPECT_GT(size, 1e-6) << name;
    EXPECT_LE(std::abs(given - wanted), 1e-7 * size) << name;
  };
  adapter_->for_each_parameter(expect_derivative);
  EXPECT_TRUE(x.grad().defined());
  EXPECT_FALSE(projection_->weight().grad().defined());
}

TEST_P(AdapterKinds, AFileBringsItBack) {
  randomise(*adapter_);
  AdapterParts parts{"module", "file", {}, {}, 1};
  for (const auto& [name, tensor] : adapter_->file_tensors()) {
    if (name == "alpha") {
      EXPECT_EQ(tensor.dim(), 0);
      parts.alpha = tensor.item<double>();
    } else {
      parts.tensors[name] = tensor;
    }
  }
  const std::shared_ptr<NetworkAdapter> again = read_adapter(parts);
  ASSERT_TRUE(again->fits(*projection_));
  EXPECT_EQ(again->decomposes(), GetParam().decomposed);
  const at::Tensor weight = projection_->weight();
  EXPECT_LE(relative_error(again->adapted_weight(weight), adapter_->adapted_weight(weight)), 1e-6);
  // LyCORIS multiplies by alpha / rank twice when it merges these.
  const bool folded = GetParam().algo == "loha" || GetParam().algo == "lokr";
  EXPECT_EQ(again->alpha(), folded ? static_cast<double>(again->rank()) : adapter_->alpha());
}

TEST_P(AdapterKinds, WeightsOfAnotherTypeKeepTheirs) {
  randomise(*adapter_);
  const at::Tensor weight = projection_->weight(), half = weight.to(at::kBFloat16);
  const at::Tensor adapted = adapter_->adapted_weight(half);
  EXPECT_EQ(adapted.scalar_type(), at::kBFloat16);
  EXPECT_LE(relative_error(adapted, adapter_->adapted_weight(weight)), 0.01);
  projection_->place_frozen(at::kCPU, at::kBFloat16);
  projection_->attach(adapter_);
  EXPECT_EQ(projection_->forward(input().to(at::kBFloat16)).scalar_type(), at::kBFloat16);
}

TEST_P(AdapterKinds, OtherShapesDoNotFit) {
  const std::vector<int64_t> shape = projection_->weight().sizes().vec();
  for (size_t side = 0; side < shape.size(); ++side) {
    std::vector<int64_t> other = shape;
    ++other[side];
    EXPECT_FALSE(adapter_->fits_shape(other)) << side;
  }
  const bool pointwise = GetParam().layer != Layer::kConvolution;
  EXPECT_EQ(adapter_->fits_shape({12, 20}), pointwise);
  EXPECT_EQ(adapter_->fits_shape({12, 20, 1, 1}), pointwise);
}

INSTANTIATE_TEST_SUITE_P(New, NewAdapterKinds, testing::ValuesIn(new_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(All, AdapterKinds, testing::ValuesIn(all_cases()), case_name);

TEST(Adapters, SeveralActInTheOrderInWhichTheyAreMerged) {
  Linear linear(20, 12);
  initialize(linear, 1);
  for (const char* algo : {"lora", "dora", "loha"}) {
    std::shared_ptr<NetworkAdapter> adapter = adapter_kind(algo).make({12, 20}, {3, 2});
    if (algo == std::string("dora")) adapter->decompose({12, 20});
    initialize(*adapter, 5);
    adapter->for_each_parameter([&](const std::string& name, at::Tensor& tensor) {
      tensor = tensor + keyed_normal(tensor.sizes().vec(), text(algo, name)) * 0.3;
    });
    linear.attach(adapter);
  }
  const at::Tensor input = keyed_normal({4, 20}, "input");
  const at::Tensor reference = at::linear(input, linear.merged_weight(), linear.bias());
  EXPECT_LE(relative_error(linear.forward(input), reference), 1e-6);
}

TEST(Adapters, DecompositionByInputsIsRead) {  // what LyCORIS wrote before version 3
  AdapterParts parts{"module", "file", {}, 3.0, 1};
  parts.tensors["lora_down.weight"] = keyed_normal({3, 20}, "down");
  parts.tensors["lora_up.weight"] = keyed_normal({12, 3}, "up");
  parts.tensors["dora_scale"] = keyed_normal({1, 20}, "scale").abs() + 0.5;
  const std::shared_ptr<NetworkAdapter> adapter = read_adapter(parts);
  ASSERT_TRUE(adapter->fits_shape({12, 20}));
  const at::Tensor adapted = adapter->adapted_weight(keyed_normal({12, 20}, "weight"));
  EXPECT_LE(relative_error(at::linalg_vector_norm(adapted, 2, {0}), parts.tensors["dora_scale"].view({20})), 1e-6);
}

TEST(Adapters, TensorsOfTwoKindsAreRefused) {
  AdapterParts parts{"module", "file", {}, 3.0, 1};
  parts.tensors["lora_down.weight"] = at::ones({3, 20});
  parts.tensors["lora_up.weight"] = at::ones({12, 3});
  parts.tensors["lokr_w1"] = at::ones({2, 2});
  EXPECT_THROW(read_adapter(parts), WeightsError);
  EXPECT_THROW(read_adapter({"module", "file", {{"dora_scale", at::ones({3, 1})}}, {}, 1}), WeightsError);
}

TEST(Adapters, KroneckerSidesAreLycoris) {
  // What factorization() of lycoris-lora 3.4.0 answers: dimension, then the pairs for -1, 2, 4, 8, 16.
  const std::vector<std::vector<int64_t>> table = {
      {127, 1, 127, 1, 127, 1, 127, 1, 127, 1, 127}, {128, 8, 16, 2, 64, 4, 32, 8, 16, 8, 16},
      {250, 10, 25, 2, 125, 2, 125, 5, 50, 10, 25},  {360, 18, 20, 2, 180, 4, 90, 8, 45, 15, 24},
      {512, 16, 32, 2, 256, 4, 128, 8, 64, 16, 32},  {1024, 32, 32, 2, 512, 4, 256, 8, 128, 16, 64},
  };
  const std::vector<int64_t> factors = {-1, 2, 4, 8, 16};
  for (const std::vector<int64_t>& line : table) {
    for (size_t i = 0; i < factors.size(); ++i) {
      EXPECT_EQ(kronecker_sides(line[0], factors[i]), std::pair(line[1 + 2 * i], line[2 + 2 * i]))
          << line[0] << " by " << factors[i];
    }
  }
}

}  // namespace
}  // namespace atelier

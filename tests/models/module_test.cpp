#include "models/module.h"

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <cmath>
#include <map>

#include "models/layers/norm.h"
#include "models/layers/projection.h"

namespace atelier {
namespace {

class Pair : public Module {
 public:
  Pair() {
    add_child("first", first);
    add_child("second.0", second);
  }
  Linear first{300, 200};
  LayerNorm second{7};
};

std::map<std::string, at::Tensor> values_of(const Module& module) {
  std::map<std::string, at::Tensor> values;
  module.for_each_parameter([&](const std::string& name, const at::Tensor& tensor) { values[name] = tensor.clone(); });
  return values;
}

TEST(Module, NamesComeFromTheTreeInOrderOfRegistration) {
  Pair pair;
  std::vector<std::string> names;
  pair.for_each_parameter([&](const std::string& name, at::Tensor&) { names.push_back(name); });
  EXPECT_EQ(names, (std::vector<std::string>{"first.weight", "first.bias", "second.0.weight", "second.0.bias"}));
  EXPECT_EQ(pair.parameter_count(), 300 * 200 + 200 + 7 + 7);
}

TEST(Module, ParametersHaveAShapeBeforeTheyHaveValues) {
  const Pair pair;
  EXPECT_TRUE(pair.first.weight().is_meta());
  EXPECT_EQ(pair.first.weight().sizes(), (at::IntArrayRef{200, 300}));
}

TEST(Module, ReplacedTensorsAreTheOnesComputedWith) {
  Linear linear(3, 2);
  linear.for_each_parameter([](const std::string&, at::Tensor& tensor) { tensor = at::ones(tensor.sizes()); });
  const at::Tensor output = linear.forward(at::ones({1, 3}));
  EXPECT_TRUE(output.equal(at::full({1, 2}, 4.0)));
}

TEST(Initialize, DrawsPyTorchsDefaultDistribution) {
  Pair pair;
  initialize(pair, 3);
  const at::Tensor& weight = pair.first.weight();
  const double bound = 1 / std::sqrt(300.0);
  EXPECT_LE(weight.abs().max().item<double>(), bound);
  EXPECT_GT(weight.abs().max().item<double>(), 0.999 * bound);
  // 60000 draws: four standard errors of the mean and of the second moment of U(-bound, bound).
  EXPECT_NEAR(weight.mean().item<double>(), 0, 4 * bound / std::sqrt(3.0 * 60000));
  EXPECT_NEAR(weight.pow(2).mean().item<double>(), bound * bound / 3, 4 * bound * bound * std::sqrt(4 / 45.0 / 60000));
  EXPECT_TRUE(pair.second.weight().equal(at::ones({7})));
  EXPECT_TRUE(pair.second.bias().equal(at::zeros({7})));
}

TEST(Initialize, NormalHasTheGivenDeviation) {
  Linear linear(400, 250, /*bias=*/false);
  linear.set_init("weight", Init::normal(0.02));
  initialize(linear, 5);
  EXPECT_NEAR(linear.weight().std().item<double>(), 0.02, 4 * 0.02 / std::sqrt(2.0 * 100000));
  EXPECT_THROW(linear.set_init("bias", Init::constant(0)), std::logic_error);
}

TEST(Initialize, ValuesDependOnSeedAndNameAlone) {
  Pair one, same, other;
  Linear alone(300, 200);
  initialize(one, 3), initialize(same, 3), initialize(other, 4), initialize(alone, 3);
  auto values = values_of(one), equal = values_of(same), different = values_of(other);
  EXPECT_TRUE(values["first.weight"].equal(equal["first.weight"]));
  EXPECT_FALSE(values["first.weight"].equal(different["first.weight"]));
  EXPECT_FALSE(values["first.weight"].equal(alone.weight()));  // another name
}

TEST(Initialize, KeepsWhetherAParameterIsTrained) {
  Linear linear(3, 2);
  EXPECT_FALSE(linear.weight().requires_grad());
  linear.set_requires_grad(true);
  initialize(linear, 1);
  EXPECT_TRUE(linear.weight().requires_grad() && linear.bias().requires_grad());
}

}  // namespace
}  // namespace atelier

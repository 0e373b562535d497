#include "models/layers/checkpoint.h"

#include <gtest/gtest.h>

#include <ATen/ATen.h>

namespace atelier {
namespace {

TEST(Checkpoint, RunsTheBlockAgainInBackward) {
  int runs = 0;
  const at::Tensor weight = at::full({3}, 2.0).set_requires_grad(true);
  const TensorFunction block = [&](const Tensors& in) -> Tensors {
    ++runs;
    return {in[0] * in[0] * weight};
  };
  const at::Tensor input = at::tensor({1.0, 2.0, 3.0}).set_requires_grad(true);
  const at::Tensor output = checkpoint(block, {input})[0];
  EXPECT_EQ(runs, 1);
  output.sum().backward();
  EXPECT_EQ(runs, 2);
  EXPECT_TRUE(input.grad().equal(at::tensor({4.0, 8.0, 12.0})));
  EXPECT_TRUE(weight.grad().equal(at::tensor({1.0, 4.0, 9.0})));
}

TEST(Checkpoint, ParametersLearnWhenNoInputRequiresAGradient) {
  const at::Tensor weight = at::full({2}, 2.0).set_requires_grad(true);
  const TensorFunction block = [&](const Tensors& in) -> Tensors { return {in[0] * weight}; };
  const at::Tensor output = checkpoint(block, {at::ones({2})})[0];
  output.sum().backward();
  EXPECT_TRUE(weight.grad().equal(at::ones({2}, at::kDouble)));
}

TEST(Checkpoint, SeveralOutputsOfWhichOneIsUsed) {
  const at::Tensor input = at::tensor({1.0, 2.0}).set_requires_grad(true);
  const TensorFunction block = [](const Tensors& in) -> Tensors { return {in[0] * 3, in[0] * 5}; };
  checkpoint(block, {input})[1].sum().backward();
  EXPECT_TRUE(input.grad().equal(at::full({2}, 5.0, at::kDouble)));
}

TEST(Checkpoint, WithoutGradientModeItIsAPlainCall) {
  const at::NoGradGuard no_grad;
  const at::Tensor output = checkpoint([](const Tensors& in) -> Tensors { return {in[0] + 1}; }, {at::zeros({1})})[0];
  EXPECT_FALSE(output.requires_grad());
  EXPECT_EQ(output.item<double>(), 1);
}

}  // namespace
}  // namespace atelier

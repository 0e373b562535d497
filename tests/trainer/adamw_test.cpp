#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "configs/base/error.h"
#include "configs/base/random.h"
#include "trainer/optim/optimizer.h"

namespace atelier {
namespace {

// Algorithm 2 of Loshchilov and Hutter (2019), with bias correction, in fp64.
struct Reference {
  double weight, average = 0, square = 0;

  void step(double gradient, double rate, const TrainOptions& o, int t) {
    weight -= rate * o.weight_decay * weight;
    average = o.adam_beta1 * average + (1 - o.adam_beta1) * gradient;
    square = o.adam_beta2 * square + (1 - o.adam_beta2) * gradient * gradient;
    const double a = average / (1 - std::pow(o.adam_beta1, t)), s = square / (1 - std::pow(o.adam_beta2, t));
    weight -= rate * a / (std::sqrt(s) + o.adam_epsilon);
  }
};

TEST(AdamW, EqualsTheFormulaWithARateAGroup) {
  TrainOptions options;
  options.adam_beta2 = 0.99;
  options.weight_decay = 0.1;
  std::vector<at::Tensor> tensors = {at::empty({300}), at::empty({5})};
  fill_normal(1, tensors[0].data_ptr<float>(), 300);
  fill_normal(2, tensors[1].data_ptr<float>(), 5);
  std::vector<Reference> expected;
  for (const at::Tensor& tensor : tensors) {
    for (int64_t i = 0; i < tensor.numel(); ++i) expected.push_back({tensor.data_ptr<float>()[i]});
  }
  FlatStore store({{"a", 0, {{"w", &tensors[0]}}}, {"b", 0, {{"w", &tensors[1]}}}}, at::kCPU, at::kFloat, 512);
  const auto optimizer = make_optimizer(options, store);
  for (int step = 1; step <= 20; ++step) {
    const double rates[2] = {1e-2 / step, 3e-2};
    size_t index = 0;
    for (size_t group = 0; group < 2; ++group) {
      float* gradient = tensors[group].grad().data_ptr<float>();
      fill_normal(random_key(9, "gradient", {static_cast<uint64_t>(step), group}), gradient, tensors[group].numel());
      for (int64_t i = 0; i < tensors[group].numel(); ++i)
        expected[index++].step(gradient[i], rates[group], options, step);
    }
    optimizer->step({rates[0], rates[1]}, step);
  }
  size_t index = 0;
  for (const at::Tensor& tensor : tensors) {
    for (int64_t i = 0; i < tensor.numel(); ++i, ++index) {
      EXPECT_NEAR(tensor.data_ptr<float>()[i], expected[index].weight, 2e-6) << index;
    }
  }
}

TEST(AdamW, UnknownOptimizerIsAnError) {
  TrainOptions options;
  options.optimizer_type = "Lion9000";
  at::Tensor tensor = at::ones({3});
  FlatStore store({{"a", 0, {{"w", &tensor}}}}, at::kCPU, at::kFloat, 512);
  EXPECT_THROW(make_optimizer(options, store), ConfigError);
}

}  // namespace
}  // namespace atelier

// models/ops against the plain formulas in fp64, whose gradients are autograd's.
#include <gtest/gtest.h>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>

#include <string>
#include <vector>

#include "models/ops/geglu.h"
#include "models/ops/norm.h"
#include "tests/models/tiny_unet.h"

namespace atelier {
namespace {

struct NormCase {
  std::string name;
  std::vector<int64_t> sizes;
  int64_t groups;  // 0: LayerNorm
  Activation activation;
  at::ScalarType type = at::kFloat;
  at::MemoryFormat format = at::MemoryFormat::Contiguous;
  double mean = 0.5;  // of the input, in deviations

  double tolerance() const { return type == at::kFloat ? 3e-6 : 0.02; }
};

/// The plain formula, in the type of its arguments.
at::Tensor plain_norm_activation(const NormCase& c, const at::Tensor& input, const at::Tensor& weight,
                                 const at::Tensor& bias, double eps) {
  const at::Tensor rows = c.groups ? input.reshape({input.size(0), c.groups, -1}) : input;
  const at::Tensor mean = rows.mean({-1}, true);
  const at::Tensor variance = (rows - mean).square().mean({-1}, true);
  const at::Tensor normal = ((rows - mean) / (variance + eps).sqrt()).view(input.sizes());
  std::vector<int64_t> shape(input.dim(), 1);
  shape[c.groups ? 1 : input.dim() - 1] = weight.numel();
  const at::Tensor z = normal * weight.view(shape) + bias.view(shape);
  switch (c.activation) {
    case Activation::kNone: return z;
    case Activation::kSilu: return z / (1 + (-z).exp());
    case Activation::kGelu: return z * 0.5 * (1 + at::erf(z / std::sqrt(2.0)));
    case Activation::kQuickGelu: return z / (1 + (-1.702 * z).exp());
  }
  return z;
}

class NormActivation : public testing::TestWithParam<NormCase> {
 protected:
  static constexpr double kEps = 1e-5;

  at::Tensor drawn(std::vector<int64_t> sizes, const char* name, double scale, double mean) const {
    return keyed_normal(std::move(sizes), name).mul(scale).add(mean).to(GetParam().type);
  }

  const NormCase& c_ = GetParam();
  int64_t channels_ = c_.groups ? c_.sizes[1] : c_.sizes.back();
  at::Tensor input_ = layout(drawn(c_.sizes, "input", 2, 2 * c_.mean));
  at::Tensor weight_ = drawn({channels_}, "weight", 0.3, 1), bias_ = drawn({channels_}, "bias", 0.3, 0);
  at::Tensor gradient_ = drawn(c_.sizes, "gradient", 1, 0);
  NormShape shape_{c_.groups, kEps};

 private:
  at::Tensor layout(const at::Tensor& tensor) const { return tensor.contiguous(c_.format); }
};

TEST_P(NormActivation, OutputAndGradientsAreTheFormulas) {
  const auto leaf = [](const at::Tensor& tensor) { return tensor.to(at::kDouble).requires_grad_(); };
  const at::Tensor input = leaf(input_), weight = leaf(weight_), bias = leaf(bias_);
  const at::Tensor wanted = plain_norm_activation(c_, input, weight, bias, kEps);
  torch::autograd::backward({wanted}, {gradient_.to(at::kDouble)});

  const Normalised result = norm_activation(shape_, c_.activation, input_, weight_, bias_);
  EXPECT_EQ(result.output.sizes(), input_.sizes());
  EXPECT_EQ(result.output.scalar_type(), c_.type);
  EXPECT_TRUE(result.output.is_contiguous(c_.format));
  EXPECT_LE(relative_error(result.output, wanted.detach()), c_.tolerance());
  EXPECT_TRUE(norm_activation_again(shape_, c_.activation, input_, result, weight_, bias_).equal(result.output));

  const auto [of_input, of_weight, of_bias] = norm_activation_backward(
      shape_, c_.activation, gradient_, input_, result, weight_, bias_, {true, true, true});
  EXPECT_LE(relative_error(of_input, input.grad()), c_.tolerance());
  EXPECT_LE(relative_error(of_weight, weight.grad()), c_.tolerance());
  EXPECT_LE(relative_error(of_bias, bias.grad()), c_.tolerance());
}

TEST_P(NormActivation, BitsDoNotDependOnTheNumberOfThreads) {
  const int threads = at::get_num_threads();
  std::vector<at::Tensor> all;
  for (const int count : {1, 2}) {
    at::set_num_threads(count);
    const Normalised result = norm_activation(shape_, c_.activation, input_, weight_, bias_);
    const auto gradients = norm_activation_backward(shape_, c_.activation, gradient_, input_, result, weight_, bias_,
                                                    {true, true, true});
    all.push_back(result.output);
    all.insert(all.end(), gradients.begin(), gradients.end());
  }
  at::set_num_threads(threads);
  // ATen's sums over the batch (the formula's) may be cut by threads: our kernels' may not.
  const bool ours = c_.groups && c_.type == at::kFloat && c_.format == at::MemoryFormat::Contiguous;
  for (size_t i = 0; ours && i < 4; ++i) EXPECT_TRUE(all[i].equal(all[i + 4])) << i;
}

TEST_P(NormActivation, WhatIsNotWantedIsNotMade) {
  const Normalised result = norm_activation(shape_, c_.activation, input_, weight_, bias_);
  const auto gradients = norm_activation_backward(shape_, c_.activation, gradient_, input_, result, weight_, bias_,
                                                  {true, false, false});
  EXPECT_TRUE(gradients[0].defined());
  EXPECT_FALSE(gradients[1].defined() || gradients[2].defined());
}

constexpr auto kNhwc = at::MemoryFormat::ChannelsLast;
constexpr auto kNchw = at::MemoryFormat::Contiguous;

INSTANTIATE_TEST_SUITE_P(
    Shapes, NormActivation,
    testing::Values(NormCase{"group_silu", {2, 64, 12, 12}, 32, Activation::kSilu},
                    NormCase{"group_none", {2, 64, 12, 12}, 32, Activation::kNone},
                    NormCase{"group_gelu", {2, 6, 5, 3}, 3, Activation::kGelu},
                    NormCase{"odd", {3, 15, 7, 5}, 5, Activation::kSilu},
                    NormCase{"one_channel_a_group", {2, 7, 3, 3}, 7, Activation::kSilu},
                    NormCase{"one_group_one_pixel", {2, 9, 1, 1}, 1, Activation::kSilu},
                    NormCase{"several_blocks", {1, 8, 67, 71}, 2, Activation::kSilu},
                    NormCase{"far_mean", {1, 8, 33, 40}, 2, Activation::kSilu, at::kFloat, kNchw, 30},
                    NormCase{"positions", {2, 12, 17}, 4, Activation::kSilu},
                    NormCase{"nhwc", {2, 20, 6, 5}, 4, Activation::kSilu, at::kFloat, kNhwc},
                    NormCase{"bf16", {2, 64, 12, 12}, 32, Activation::kSilu, at::kBFloat16},
                    NormCase{"bf16_nhwc", {2, 20, 6, 5}, 4, Activation::kSilu, at::kBFloat16, kNhwc},
                    NormCase{"layer", {3, 11, 40}, 0, Activation::kNone},
                    NormCase{"layer_quick_gelu", {3, 11, 40}, 0, Activation::kQuickGelu},
                    NormCase{"layer_bf16", {3, 11, 40}, 0, Activation::kNone, at::kBFloat16}),
    [](const testing::TestParamInfo<NormCase>& test) { return test.param.name; });

TEST(Geglu, OutputAndGradientAreTheFormulas) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kDouble}) {
    for (const std::vector<int64_t>& sizes : {std::vector<int64_t>{3, 5, 2 * 37}, {2, 2 * 640}, {1, 2}}) {
      SCOPED_TRACE(testing::Message() << type << " " << sizes);
      const at::Tensor input = keyed_normal(sizes, "input").mul(3).to(type);
      std::vector<int64_t> half = sizes;
      half.back() /= 2;
      const at::Tensor gradient = keyed_normal(half, "gradient").to(type);

      const at::Tensor leaf = input.to(at::kDouble).requires_grad_();
      const auto halves = leaf.chunk(2, -1);
      const at::Tensor wanted = halves[0] * halves[1] * 0.5 * (1 + at::erf(halves[1] / std::sqrt(2.0)));
      torch::autograd::backward({wanted}, {gradient.to(at::kDouble)});

      const double tolerance = type == at::kBFloat16 ? 0.01 : 1e-6;
      EXPECT_LE(relative_error(geglu(input), wanted.detach()), tolerance);
      EXPECT_LE(relative_error(geglu_backward(gradient, input), leaf.grad()), tolerance);
    }
  }
}

TEST(ActivateForward, BitsDoNotDependOnTheNumberOfThreads) {
  const int threads = at::get_num_threads();
  const at::Tensor input = keyed_normal({200'003}, "input").mul(4);  // cut into uneven parts
  std::vector<at::Tensor> all;
  for (const int count : {1, 3}) {
    at::set_num_threads(count);
    for (const Activation activation : {Activation::kSilu, Activation::kGelu, Activation::kQuickGelu}) {
      all.push_back(activate_forward(activation, input));
      all.push_back(activate_backward(activation, input, input));
    }
  }
  at::set_num_threads(threads);
  for (size_t i = 0; i < 6; ++i) EXPECT_TRUE(all[i].equal(all[i + 6])) << i;
}

TEST(ActivateForward, IsTheDifferentiableOneAndItsGradient) {
  for (const Activation activation :
       {Activation::kNone, Activation::kSilu, Activation::kGelu, Activation::kQuickGelu}) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      SCOPED_TRACE(testing::Message() << static_cast<int>(activation) << " " << type);
      const at::Tensor input = keyed_normal({5, 1001}, "input").mul(4).to(type);
      const at::Tensor gradient = keyed_normal({5, 1001}, "gradient").to(type);
      const at::Tensor leaf = input.to(at::kDouble).requires_grad_();
      const at::Tensor wanted = activate(activation, leaf);
      torch::autograd::backward({wanted}, {gradient.to(at::kDouble)});
      const double tolerance = type == at::kFloat ? 1e-6 : 0.01;
      EXPECT_LE(relative_error(activate_forward(activation, input), wanted.detach()), tolerance);
      EXPECT_LE(relative_error(activate_backward(activation, gradient, input), leaf.grad()), tolerance);
    }
  }
}

/// Each number by itself: a norm over all would hide the tails.
TEST(Geglu, GeluIsExactFarFromZero) {
  const at::Tensor gate = at::linspace(-9, 12, 4001, at::kFloat);
  const at::Tensor x = gate.to(at::kDouble);
  const at::Tensor wanted = x * 0.5 * at::erfc(-x / std::sqrt(2.0));
  const at::Tensor value = geglu(at::cat({at::ones_like(gate), gate})).to(at::kDouble);
  // The exponent's error grows with its size: 40 at -9.
  const at::Tensor error = ((value - wanted) / wanted.abs().clamp_min(1e-18)).abs();
  EXPECT_LE(error.max().item<double>(), 5e-6);
  EXPECT_LE(error.masked_select(x.abs() < 3).max().item<double>(), 1e-6);
}

TEST(Geglu, NotANumberComesThrough) {
  const at::Tensor input = at::tensor({1.0F, std::numeric_limits<float>::quiet_NaN()});
  EXPECT_TRUE(geglu(input).isnan().all().item<bool>());
}

TEST(NormActivationNumbers, NotANumberComesThrough) {
  at::Tensor input = keyed_normal({1, 4, 3, 3}, "input");
  input[0][0][1][1] = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor output =
      norm_activation({2, 1e-5}, Activation::kSilu, input, at::ones({4}), at::zeros({4})).output;
  EXPECT_TRUE(output.narrow(1, 0, 2).isnan().all().item<bool>());
  EXPECT_FALSE(output.narrow(1, 2, 2).isnan().any().item<bool>());
}

}  // namespace
}  // namespace atelier

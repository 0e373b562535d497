// The kernels that nvcc compiles for GPUs, run on the CPU (tests/support/emulated_launch.h) against the plain formulas
// in fp64. What this cannot show is what the GPU's own arithmetic and memory do: tools/gpu-check does where there is
// one.
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include "models/ops/device/geglu.h"
#include "models/ops/device/group_norm_calls.h"
#include "tests/models/tiny_unet.h"
#include "tests/support/emulated_launch.h"

namespace atelier::device {
namespace {

/// Shared and global memory of a call in one of the kernels' types, with a distance from alignment.
template <class Number>
class Buffer {
 public:
  Buffer(int64_t count, int64_t misaligned)
      : storage_(count + 64 + misaligned), offset_(aligned_offset() + misaligned) {}

  Buffer(const at::Tensor& values, int64_t misaligned) : Buffer(values.numel(), misaligned) {
    const at::Tensor flat = values.contiguous().to(at::kFloat).flatten();
    for (int64_t i = 0; i < flat.numel(); ++i) store(flat.data_ptr<float>()[i], data()[i]);
  }

  Number* data() { return storage_.data() + offset_; }

  at::Tensor tensor(at::IntArrayRef sizes) {
    at::Tensor result = at::empty(sizes, at::kFloat);
    for (int64_t i = 0; i < result.numel(); ++i) result.data_ptr<float>()[i] = to_float(data()[i]);
    return result;
  }

 private:
  int64_t aligned_offset() const {
    const auto address = reinterpret_cast<uintptr_t>(storage_.data());
    return static_cast<int64_t>((64 - address % 64) % 64 / sizeof(Number));
  }

  std::vector<Number> storage_;
  int64_t offset_;
};

template <class Number>
constexpr at::ScalarType kScalarType = std::is_same_v<Number, float> ? at::kFloat : at::kBFloat16;

struct GroupNormCase {
  int64_t samples, pixels;
  int channels, groups;
  double mean = 0.5;
  int64_t misaligned = 0;
};

const std::vector<GroupNormCase> kGroupNormCases = {
    {2, 35, 320, 32},           // 10 channels a group: vectors cross groups
    {1, 100, 640, 32},          //
    {1, 9, 2560, 32},           // more columns than threads, in fp32
    {2, 49, 15, 5},             // no vectors
    {3, 21, 7, 7},              // one channel a group
    {2, 11, 24, 1},             // one group
    {1, 1, 32, 8},              // one pixel
    {1, 5000, 32, 4},           // several parts
    {1, 700, 64, 8, 30},        // the mean far from zero
    {1, 33, 64, 8, 0.5, 1},     // not aligned: no vectors
    {1, 30, 1030, 10},          // more channels than threads, no vectors
};

template <class Number>
struct GroupNormRun {
  at::Tensor output, again, input, weight, bias;  // the gradients'
};

/// NHWC tensors of fp32 values that the type holds exactly.
struct GroupNormData {
  GroupNormData(const GroupNormCase& c, at::ScalarType type)
      : input(drawn({c.samples, c.pixels, c.channels}, "input", 2, 2 * c.mean, type)),
        weight(drawn({c.channels}, "weight", 0.3, 1, type)),
        bias(drawn({c.channels}, "bias", 0.3, 0, type)),
        gradient(drawn({c.samples, c.pixels, c.channels}, "gradient", 1, 0, type)) {}

  static at::Tensor drawn(std::vector<int64_t> sizes, const char* name, double scale, double mean,
                          at::ScalarType type) {
    return keyed_normal(std::move(sizes), name).mul(scale).add(mean).to(type).to(at::kFloat);
  }

  at::Tensor input, weight, bias, gradient;
};

constexpr float kEps = 1e-5F;

template <class Number>
GroupNormRun<Number> run_kernels(const GroupNormCase& c, bool silu, const GroupNormData& data, bool reversed) {
  const EmulatedLaunch launch(reversed);
  const GroupNormSize size{c.samples, c.pixels, c.channels, c.groups};
  Buffer<Number> input(data.input, c.misaligned), weight(data.weight, 0), bias(data.bias, 0);
  Buffer<Number> gradient(data.gradient, c.misaligned), output(data.input.numel(), 0), again(data.input.numel(), 0);
  Buffer<Number> of_input(data.input.numel(), 0), of_weight(c.channels, 0), of_bias(c.channels, 0);
  std::vector<float> mean(c.samples * c.groups), rstd(mean.size()), scratch(group_norm_scratch(size));
  const GroupNormArguments<Number> call{size,        silu,        input.data(),  weight.data(),
                                        bias.data(), mean.data(), rstd.data(), scratch.data()};
  group_norm_forward(call, kEps, output.data(), launch);
  group_norm_again(call, again.data(), launch);
  group_norm_backward(call, {gradient.data(), of_input.data(), of_weight.data(), of_bias.data()}, launch);
  const auto sizes = data.input.sizes();
  return {output.tensor(sizes), again.tensor(sizes), of_input.tensor(sizes), of_weight.tensor({c.channels}),
          of_bias.tensor({c.channels})};
}

/// The formula and its gradients by autograd in fp64.
GroupNormRun<double> run_formula(const GroupNormCase& c, bool silu, const GroupNormData& data) {
  const auto leaf = [](const at::Tensor& tensor) { return tensor.to(at::kDouble).requires_grad_(); };
  const at::Tensor input = leaf(data.input), weight = leaf(data.weight), bias = leaf(data.bias);
  const at::Tensor grouped = input.view({c.samples, c.pixels, c.groups, c.channels / c.groups});
  const at::Tensor mean = grouped.mean({1, 3}, true);
  const at::Tensor rstd = ((grouped - mean).square().mean({1, 3}, true) + kEps).rsqrt();
  const at::Tensor z = ((grouped - mean) * rstd).view(input.sizes()) * weight + bias;
  const at::Tensor output = silu ? z / (1 + (-z).exp()) : z;
  output.backward(data.gradient.to(at::kDouble));
  return {output.detach(), output.detach(), input.grad(), weight.grad(), bias.grad()};
}

template <class Number>
class DeviceKernels : public testing::Test {
 protected:
  /// Of outputs that are rounded to the type.
  static constexpr double kTolerance = std::is_same_v<Number, float> ? 3e-6 : 4e-3;
};

using Numbers = testing::Types<float, Bfloat16>;
TYPED_TEST_SUITE(DeviceKernels, Numbers);

TYPED_TEST(DeviceKernels, GroupNormIsTheFormula) {
  for (const GroupNormCase& c : kGroupNormCases) {
    for (const bool silu : {false, true}) {
      SCOPED_TRACE(testing::Message() << c.samples << " x " << c.pixels << " x " << c.channels << ", " << c.groups
                                      << " groups" << (silu ? ", SiLU" : ""));
      const GroupNormData data(c, kScalarType<TypeParam>);
      const auto values = run_kernels<TypeParam>(c, silu, data, false);
      const auto wanted = run_formula(c, silu, data);
      EXPECT_LE(relative_error(values.output, wanted.output), this->kTolerance);
      EXPECT_TRUE(values.again.equal(values.output));
      EXPECT_LE(relative_error(values.input, wanted.input), 2 * this->kTolerance);
      EXPECT_LE(relative_error(values.weight, wanted.weight), this->kTolerance);
      EXPECT_LE(relative_error(values.bias, wanted.bias), this->kTolerance);
    }
  }
}

TYPED_TEST(DeviceKernels, ThreadsOfAPhaseDoNotMeddle) {
  for (const GroupNormCase& c : kGroupNormCases) {
    const GroupNormData data(c, kScalarType<TypeParam>);
    const auto forwards = run_kernels<TypeParam>(c, true, data, false);
    const auto backwards = run_kernels<TypeParam>(c, true, data, true);
    EXPECT_TRUE(backwards.output.equal(forwards.output));
    EXPECT_TRUE(backwards.input.equal(forwards.input));
    EXPECT_TRUE(backwards.weight.equal(forwards.weight));
    EXPECT_TRUE(backwards.bias.equal(forwards.bias));
  }
}

TYPED_TEST(DeviceKernels, ASamplesBitsDoNotDependOnItsBatch) {
  const GroupNormCase two{2, 300, 40, 4}, one{1, 300, 40, 4};
  const GroupNormData data(two, kScalarType<TypeParam>);
  GroupNormData first = data;
  first.input = data.input.narrow(0, 0, 1);
  first.gradient = data.gradient.narrow(0, 0, 1);
  const auto batch = run_kernels<TypeParam>(two, true, data, false);
  const auto single = run_kernels<TypeParam>(one, true, first, false);
  EXPECT_TRUE(batch.output.narrow(0, 0, 1).equal(single.output));
  EXPECT_TRUE(batch.input.narrow(0, 0, 1).equal(single.input));
}

TYPED_TEST(DeviceKernels, GegluIsTheFormula) {
  for (const auto& [rows, width, misaligned] : std::vector<std::tuple<int64_t, int64_t, int64_t>>{
           {7, 640, 0}, {3, 37, 0}, {1, 1, 0}, {5, 64, 3}, {2, 2560, 0}}) {
    SCOPED_TRACE(testing::Message() << rows << " x " << width);
    const auto type = kScalarType<TypeParam>;
    const at::Tensor in = keyed_normal({rows, 2 * width}, "input").mul(3).to(type).to(at::kFloat);
    const at::Tensor outer = keyed_normal({rows, width}, "gradient").to(type).to(at::kFloat);
    Buffer<TypeParam> input(in, misaligned), gradient(outer, 0), output(rows * width, 0), of_input(in.numel(), 0);
    geglu(input.data(), output.data(), rows, width, EmulatedLaunch());
    geglu_backward(gradient.data(), input.data(), of_input.data(), rows, width, EmulatedLaunch(true));

    const at::Tensor leaf = in.to(at::kDouble).requires_grad_();
    const auto halves = leaf.chunk(2, -1);
    const at::Tensor wanted = halves[0] * halves[1] * 0.5 * (1 + at::erf(halves[1] / std::sqrt(2.0)));
    wanted.backward(outer.to(at::kDouble));
    EXPECT_LE(relative_error(output.tensor({rows, width}), wanted.detach()), this->kTolerance);
    EXPECT_LE(relative_error(of_input.tensor({rows, 2 * width}), leaf.grad()), this->kTolerance);
  }
}

TEST(DeviceNumbers, Bfloat16RoundsAsATenDoes) {
  const at::Tensor values = at::cat({keyed_normal({1000}, "values"), at::tensor({0.0F, -0.0F, 1e30F, 1.00390625F}),
                                     at::full({1}, std::numeric_limits<float>::infinity(), at::kFloat)});
  Buffer<Bfloat16> buffer(values, 0);
  EXPECT_TRUE(buffer.tensor(values.sizes()).equal(values.to(at::kBFloat16).to(at::kFloat)));
}

}  // namespace
}  // namespace atelier::device

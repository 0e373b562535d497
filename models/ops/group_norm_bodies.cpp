#include "models/ops/group_norm_bodies.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "models/ops/cpu/kernels.h"
#include "models/ops/cuda/cuda_bodies.h"

namespace atelier {
namespace {

constexpr int64_t kNumbersATask = 1 << 15;

/// fp32, NCHW. A group is one task whatever the number of threads, so results are the same bits with any.
class CpuGroupNorm : public GroupNormBody {
 public:
  Normalised forward(const NormShape& shape, Activation activation, const at::Tensor& input, const at::Tensor& weight,
                     const at::Tensor& bias) const override {
    Normalised result{at::empty_like(input), at::empty({input.size(0), shape.groups}, input.options()),
                      at::empty({input.size(0), shape.groups}, input.options())};
    const Groups groups(shape, input, weight, bias);
    float* output = result.output.data_ptr<float>();
    float *mean = result.mean.data_ptr<float>(), *rstd = result.rstd.data_ptr<float>();
    groups.for_each([&](int64_t i, const cpu::Group& group, int64_t offset) {
      const cpu::Moments moments = cpu::moments(groups.input + offset, group.channels * group.pixels, shape.eps);
      mean[i] = moments.mean;
      rstd[i] = moments.rstd;
      cpu::normalise(group, moments, activation == Activation::kSilu, groups.input + offset, output + offset);
    });
    return result;
  }

  at::Tensor again(const NormShape& shape, Activation activation, const at::Tensor& input, const Normalised& statistics,
                   const at::Tensor& weight, const at::Tensor& bias) const override {
    at::Tensor result = at::empty_like(input);
    const Groups groups(shape, input, weight, bias);
    float* output = result.data_ptr<float>();
    const float *mean = statistics.mean.const_data_ptr<float>(), *rstd = statistics.rstd.const_data_ptr<float>();
    groups.for_each([&](int64_t i, const cpu::Group& group, int64_t offset) {
      cpu::normalise(group, {mean[i], rstd[i]}, activation == Activation::kSilu, groups.input + offset,
                     output + offset);
    });
    return result;
  }

  std::array<at::Tensor, 3> backward(const NormShape& shape, Activation activation, const at::Tensor& gradient,
                                     const at::Tensor& input, const Normalised& statistics, const at::Tensor& weight,
                                     const at::Tensor& bias, std::array<bool, 3> wanted) const override {
    const at::Tensor dense = gradient.contiguous();
    at::Tensor of_input = at::empty_like(input);
    at::Tensor of_weight = at::empty({input.size(0), input.size(1)}, input.options());  // a sample
    at::Tensor of_bias = at::empty_like(of_weight);
    const Groups groups(shape, input, weight, bias);
    const float* g = dense.const_data_ptr<float>();
    const float *mean = statistics.mean.const_data_ptr<float>(), *rstd = statistics.rstd.const_data_ptr<float>();
    float *dx = of_input.data_ptr<float>(), *dw = of_weight.data_ptr<float>(), *db = of_bias.data_ptr<float>();
    groups.for_each([&](int64_t i, const cpu::Group& group, int64_t offset) {
      const int64_t channel = i * group.channels;
      cpu::normalise_backward(group, {mean[i], rstd[i]}, activation == Activation::kSilu, g + offset,
                              groups.input + offset, dx + offset, dw + channel, db + channel);
    });
    return {wanted[0] ? of_input : at::Tensor(), wanted[1] ? of_weight.sum(0) : at::Tensor(),
            wanted[2] ? of_bias.sum(0) : at::Tensor()};
  }

 private:
  /// All groups of all samples.
  struct Groups {
    Groups(const NormShape& shape, const at::Tensor& tensor, const at::Tensor& weight, const at::Tensor& bias)
        : input(tensor.const_data_ptr<float>()),
          weights(weight.const_data_ptr<float>()),
          biases(bias.const_data_ptr<float>()),
          groups(shape.groups),
          samples(tensor.size(0)),
          channels(tensor.size(1) / groups),
          pixels(tensor.numel() / (samples * tensor.size(1))) {}

    /// body(index among all groups, group, offset of its first number)
    template <class Body>
    void for_each(const Body& body) const {
      const int64_t size = channels * pixels, groups_a_task = std::max<int64_t>(1, kNumbersATask / size);
      at::parallel_for(0, samples * groups, groups_a_task, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t first = i % groups * channels;
          body(i, cpu::Group{channels, pixels, weights + first, biases + first}, i * size);
        }
      });
    }

    const float *input, *weights, *biases;
    int64_t groups, samples, channels, pixels;
  };
};

}  // namespace

const GroupNormBody* group_norm_body(const NormShape& shape, Activation activation, const at::Tensor& input,
                                     const at::Tensor& weight) {
  static const CpuGroupNorm cpu;
  if (shape.groups == 0 || input.numel() == 0) return nullptr;
  if (activation != Activation::kNone && activation != Activation::kSilu) return nullptr;
  if (input.is_cuda()) return cuda_group_norm(input, weight);
  const bool dense = input.is_cpu() && input.scalar_type() == at::kFloat && input.is_contiguous();
  return dense && weight.scalar_type() == at::kFloat && weight.is_contiguous() ? &cpu : nullptr;
}

}  // namespace atelier

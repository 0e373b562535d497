// Kernels of silu(group_norm(x)) on NHWC tensors: statistics, output, and what they share with the backward pass.
#pragma once

#include <cmath>

#include "models/ops/device/group_norm_layout.h"

namespace atelier::device {

ATELIER_DEVICE float sigmoid(float x) { return 1 / (1 + expf(-x)); }

/// Sums over one part of a sample: of x - centre and of its square, a group. The centre is the group's first number, so
/// a mean far from zero costs no digits.
template <class Number, int kWidth>
struct StatisticsKernel {
  const Number* input;  // [samples, pixels, channels]
  float* partial;       // [samples, parts, groups, 2]
  GroupNormSize size;
  GroupNormLayout layout;

  ATELIER_DEVICE void operator()(Block& block) const {
    const Number* sample = input + block.y() * size.pixels * size.channels;
    const int channels = size.channels, depth = size.group_channels();
    float *sums = block.shared(), *squares = sums + layout.lanes * channels;  // [lanes, channels]
    const PixelRange range(layout, size.pixels, block.x());
    block.phase([&](int thread) {
      const ThreadPlace place(layout, thread);
      place.for_each_column(layout, block.threads(), [&](int column) {
        float centre[kWidth], sum[kWidth] = {}, square[kWidth] = {};
        for (int k = 0; k < kWidth; ++k) centre[k] = to_float(sample[(column * kWidth + k) / depth * depth]);
        ATELIER_UNROLL
        for (int64_t pixel = range.begin + place.lane; pixel < range.end; pixel += layout.lanes) {
          const auto x = Vector<Number, kWidth>::load(sample + pixel * channels + column * kWidth);
          for (int k = 0; k < kWidth; ++k) {
            const float distance = to_float(x.items[k]) - centre[k];
            sum[k] += distance;
            square[k] += distance * distance;
          }
        }
        for (int k = 0; k < kWidth; ++k) {
          sums[place.lane * channels + column * kWidth + k] = sum[k];
          squares[place.lane * channels + column * kWidth + k] = square[k];
        }
      });
    });
    block.phase([&](int thread) {
      for (int group = thread; group < size.groups; group += block.threads()) {
        float sum = 0, square = 0;
        for (int lane = 0; lane < layout.lanes; ++lane) {
          for (int c = group * depth; c < (group + 1) * depth; ++c) {
            sum += sums[lane * channels + c];
            square += squares[lane * channels + c];
          }
        }
        float* out = partial + ((block.y() * layout.parts + block.x()) * size.groups + group) * 2;
        out[0] = sum;
        out[1] = square;
      }
    });
  }
};

/// One block a sample: mean and 1 / sqrt(variance + eps) of its groups from the parts.
template <class Number>
struct MomentsKernel {
  const Number* input;
  const float* partial;
  float *mean, *rstd;  // [samples, groups]
  GroupNormSize size;
  int parts;
  float eps;

  ATELIER_DEVICE void operator()(Block& block) const {
    const int groups = size.groups;
    const int64_t sample = block.x();
    const JoinedParts joined(block, groups);
    const float* const own = partial + sample * parts * groups * 2;
    block.phase([&](int thread) { joined.gather(block, thread, own, parts, groups); });
    block.phase([&](int thread) {
      for (int group = thread; group < groups; group += block.threads()) {
        const auto [sum, square] = joined.total(group);
        const int64_t first = sample * size.pixels * size.channels + group * size.group_channels();
        const float count = static_cast<float>(size.pixels) * static_cast<float>(size.group_channels());
        const float distance = sum / count, variance = square / count - distance * distance;
        mean[sample * groups + group] = distance + to_float(input[first]);
        rstd[sample * groups + group] = 1 / sqrtf((variance > 0 ? variance : 0) + eps);
      }
    });
  }

  static Grid grid(const GroupNormSize& size) {
    Grid grid{size.samples, 1, kGroupNormThreads};
    grid.shared_bytes = JoinedParts::shared_bytes(size.groups);
    return grid;
  }
};

/// What turns the numbers of kWidth channels into normalised ones: scale * x + shift.
template <int kWidth>
struct ChannelLines {
  float scale[kWidth], shift[kWidth], mean[kWidth], rstd[kWidth];

  template <class Number>
  ATELIER_DEVICE ChannelLines(const GroupNormSize& size, int64_t sample, int channel, const float* means,
                              const float* rstds, const Number* weight, const Number* bias) {
    for (int k = 0; k < kWidth; ++k) {
      const int64_t group = sample * size.groups + (channel + k) / size.group_channels();
      mean[k] = means[group];
      rstd[k] = rstds[group];
      scale[k] = rstd[k] * to_float(weight[channel + k]);
      shift[k] = to_float(bias[channel + k]) - mean[k] * scale[k];
    }
  }
};

template <class Number, int kWidth, bool kSilu>
struct NormaliseKernel {
  const Number *input, *weight, *bias;
  const float *mean, *rstd;
  Number* output;
  GroupNormSize size;
  GroupNormLayout layout;

  ATELIER_DEVICE void operator()(Block& block) const {
    const int64_t first = block.y() * size.pixels * size.channels;
    const PixelRange range(layout, size.pixels, block.x());
    block.phase([&](int thread) {
      const ThreadPlace place(layout, thread);
      place.for_each_column(layout, block.threads(), [&](int column) {
        const ChannelLines<kWidth> line(size, block.y(), column * kWidth, mean, rstd, weight, bias);
        ATELIER_UNROLL
        for (int64_t pixel = range.begin + place.lane; pixel < range.end; pixel += layout.lanes) {
          const int64_t offset = first + pixel * size.channels + column * kWidth;
          auto values = Vector<Number, kWidth>::load(input + offset);
          for (int k = 0; k < kWidth; ++k) {
            const float z = to_float(values.items[k]) * line.scale[k] + line.shift[k];
            store(kSilu ? z * sigmoid(z) : z, values.items[k]);
          }
          values.save(output + offset);
        }
      });
    });
  }
};

}  // namespace atelier::device

// Kernels of the backward pass of silu(group_norm(x)) on NHWC tensors.
#pragma once

#include "models/ops/device/group_norm.h"

namespace atelier::device {

/// The gradient before the activation.
template <bool kSilu>
ATELIER_DEVICE float gradient_before(float gradient, float z) {
  if (!kSilu) return gradient;
  const float s = sigmoid(z);
  return gradient * (s + z * s * (1 - s));
}

/// Sums over one part of a sample, a channel: of the gradient before the activation, and of that times (x - mean).
template <class Number, int kWidth, bool kSilu>
struct GradientSumsKernel {
  const Number *gradient, *input, *weight, *bias;
  const float *mean, *rstd;
  float* partial;  // [samples, parts, channels, 2]
  GroupNormSize size;
  GroupNormLayout layout;

  ATELIER_DEVICE void operator()(Block& block) const {
    const int channels = size.channels;
    const int64_t first = block.y() * size.pixels * channels;
    float *sums = block.shared(), *products = sums + layout.lanes * channels;  // [lanes, channels]
    const PixelRange range(layout, size.pixels, block.x());
    block.phase([&](int thread) {
      const ThreadPlace place(layout, thread);
      place.for_each_column(layout, block.threads(), [&](int column) {
        const ChannelLines<kWidth> line(size, block.y(), column * kWidth, mean, rstd, weight, bias);
        float sum[kWidth] = {}, product[kWidth] = {};
        ATELIER_UNROLL
        for (int64_t pixel = range.begin + place.lane; pixel < range.end; pixel += layout.lanes) {
          const int64_t offset = first + pixel * channels + column * kWidth;
          const auto x = Vector<Number, kWidth>::load(input + offset);
          const auto outer = Vector<Number, kWidth>::load(gradient + offset);
          for (int k = 0; k < kWidth; ++k) {
            const float value = to_float(x.items[k]);
            const float inner = gradient_before<kSilu>(to_float(outer.items[k]), value * line.scale[k] + line.shift[k]);
            sum[k] += inner;
            product[k] += inner * (value - line.mean[k]);
          }
        }
        for (int k = 0; k < kWidth; ++k) {
          sums[place.lane * channels + column * kWidth + k] = sum[k];
          products[place.lane * channels + column * kWidth + k] = product[k];
        }
      });
    });
    block.phase([&](int thread) {
      for (int c = thread; c < channels; c += block.threads()) {
        float sum = 0, product = 0;
        for (int lane = 0; lane < layout.lanes; ++lane) {
          sum += sums[lane * channels + c];
          product += products[lane * channels + c];
        }
        float* out = partial + ((block.y() * layout.parts + block.x()) * channels + c) * 2;
        out[0] = sum;
        out[1] = product;
      }
    });
  }
};

/// A block a group: joins the parts into the gradients of weight and bias of each sample, and into the line
/// slope * (x - mean) + shift by which the statistics' dependence on x enters its gradient.
template <class Number>
struct JoinPartsKernel {
  const float* partial;
  const Number* weight;
  const float* rstd;
  float* channel_gradients;  // [samples, channels, 2]: of bias, of weight
  float* lines;              // [samples, groups, 2]: shift, slope
  GroupNormSize size;
  int parts;

  ATELIER_DEVICE void operator()(Block& block) const {
    const int depth = size.group_channels();
    const int64_t group = block.x(), sample = block.y(), channel = group * depth;
    const float r = rstd[sample * size.groups + group];
    const JoinedParts joined(block, depth);
    float *sums = joined.first, *products = joined.second;
    block.phase([&](int thread) {
      joined.gather(block, thread, partial + (sample * parts * size.channels + channel) * 2, parts, size.channels);
    });
    block.phase([&](int thread) {
      for (int c = thread; c < depth; c += block.threads()) {
        const auto [sum, product] = joined.total(c);
        float* out = channel_gradients + (sample * size.channels + channel + c) * 2;
        out[0] = sum;
        out[1] = product * r;
        sums[c] = sum * to_float(weight[channel + c]);  // lane 0's place, read by this thread alone
        products[c] = product * to_float(weight[channel + c]);
      }
    });
    block.phase([&](int thread) {
      if (thread != 0) return;
      float sum = 0, product = 0;
      for (int c = 0; c < depth; ++c) {
        sum += sums[c];
        product += products[c];
      }
      const float count = static_cast<float>(size.pixels) * static_cast<float>(depth);
      float* out = lines + (sample * size.groups + group) * 2;
      out[0] = -r * sum / count;
      out[1] = -r * r * r * product / count;
    });
  }
};

/// One thread a channel: the gradients of weight and bias from those of each sample.
template <class Number>
struct ChannelGradientsKernel {
  const float* channel_gradients;
  Number *weight_gradient, *bias_gradient;  // [channels]
  GroupNormSize size;

  ATELIER_DEVICE void operator()(Block& block) const {
    block.phase([&](int thread) {
      const int64_t c = block.x() * block.threads() + thread;
      if (c >= size.channels) return;
      float of_bias = 0, of_weight = 0;
      for (int64_t sample = 0; sample < size.samples; ++sample) {
        of_bias += channel_gradients[(sample * size.channels + c) * 2];
        of_weight += channel_gradients[(sample * size.channels + c) * 2 + 1];
      }
      store(of_bias, bias_gradient[c]);
      store(of_weight, weight_gradient[c]);
    });
  }
};

template <class Number, int kWidth, bool kSilu>
struct InputGradientKernel {
  const Number *gradient, *input, *weight, *bias;
  const float *mean, *rstd, *lines;
  Number* input_gradient;
  GroupNormSize size;
  GroupNormLayout layout;

  ATELIER_DEVICE void operator()(Block& block) const {
    const int64_t first = block.y() * size.pixels * size.channels;
    const PixelRange range(layout, size.pixels, block.x());
    block.phase([&](int thread) {
      const ThreadPlace place(layout, thread);
      place.for_each_column(layout, block.threads(), [&](int column) {
        const ChannelLines<kWidth> line(size, block.y(), column * kWidth, mean, rstd, weight, bias);
        float shift[kWidth], slope[kWidth];
        for (int k = 0; k < kWidth; ++k) {
          const int64_t group = block.y() * size.groups + (column * kWidth + k) / size.group_channels();
          shift[k] = lines[group * 2];
          slope[k] = lines[group * 2 + 1];
        }
        ATELIER_UNROLL
        for (int64_t pixel = range.begin + place.lane; pixel < range.end; pixel += layout.lanes) {
          const int64_t offset = first + pixel * size.channels + column * kWidth;
          const auto x = Vector<Number, kWidth>::load(input + offset);
          auto outer = Vector<Number, kWidth>::load(gradient + offset);
          for (int k = 0; k < kWidth; ++k) {
            const float value = to_float(x.items[k]);
            const float inner = gradient_before<kSilu>(to_float(outer.items[k]), value * line.scale[k] + line.shift[k]);
            store(line.scale[k] * inner + (slope[k] * (value - line.mean[k]) + shift[k]), outer.items[k]);
          }
          outer.save(input_gradient + offset);
        }
      });
    });
  }
};

}  // namespace atelier::device

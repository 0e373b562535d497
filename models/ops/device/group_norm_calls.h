// The kernels of one GroupNorm call in their order, for any way of launching: launch(Grid, kernel).
#pragma once

#include "models/ops/device/group_norm.h"
#include "models/ops/device/group_norm_backward.h"

namespace atelier::device {

template <class Number>
struct GroupNormArguments {
  GroupNormSize size;
  bool silu;
  const Number *input, *weight, *bias;  // [samples, pixels, channels], [channels], [channels]
  float *mean, *rstd;                   // [samples, groups]
  float* scratch;                       // see below
};

/// What the shared memory of a block allows everywhere (48 KiB).
inline bool group_norm_fits(int channels) { return channels <= 6144; }

/// Floats of scratch memory, for the forward and for the backward pass.
inline int64_t group_norm_scratch(const GroupNormSize& size) {
  const int64_t parts = group_norm_layout(size, /*vector_width=*/1).parts;  // with vectors there are no more
  return 2 * size.samples * (parts * size.channels + size.channels + size.groups);
}

inline Grid one_thread_each(int64_t items) {
  Grid grid;
  grid.x = (items + grid.threads - 1) / grid.threads;
  return grid;
}

template <int kWidth, class Number, class Launch>
void group_norm_statistics(const GroupNormArguments<Number>& call, float eps, const Launch& launch) {
  const GroupNormLayout layout = group_norm_layout(call.size, kWidth);
  launch(group_norm_grid(call.size, layout, 2),
         StatisticsKernel<Number, kWidth>{call.input, call.scratch, call.size, layout});
  launch(MomentsKernel<Number>::grid(call.size),
         MomentsKernel<Number>{call.input, call.scratch, call.mean, call.rstd, call.size, layout.parts, eps});
}

template <int kWidth, bool kSilu, class Number, class Launch>
void group_norm_output(const GroupNormArguments<Number>& call, Number* output, const Launch& launch) {
  const GroupNormLayout layout = group_norm_layout(call.size, kWidth);
  launch(group_norm_grid(call.size, layout, 0),
         NormaliseKernel<Number, kWidth, kSilu>{call.input, call.weight, call.bias, call.mean, call.rstd, output,
                                                call.size, layout});
}

template <class Number>
struct GroupNormGradients {
  const Number* gradient;
  Number *input, *weight, *bias;
};

template <int kWidth, bool kSilu, class Number, class Launch>
void group_norm_gradients(const GroupNormArguments<Number>& call, const GroupNormGradients<Number>& gradients,
                          const Launch& launch) {
  const GroupNormSize& size = call.size;
  const GroupNormLayout layout = group_norm_layout(size, kWidth);
  float* const partial = call.scratch;
  float* const channel_gradients = partial + 2 * size.samples * layout.parts * size.channels;
  float* const lines = channel_gradients + 2 * size.samples * size.channels;
  launch(group_norm_grid(size, layout, 2),
         GradientSumsKernel<Number, kWidth, kSilu>{gradients.gradient, call.input, call.weight, call.bias, call.mean,
                                                   call.rstd, partial, size, layout});
  Grid groups{size.groups, size.samples, kGroupNormThreads};
  groups.shared_bytes = JoinedParts::shared_bytes(size.channels / size.groups);
  launch(groups,
         JoinPartsKernel<Number>{partial, call.weight, call.rstd, channel_gradients, lines, size, layout.parts});
  launch(one_thread_each(size.channels),
         ChannelGradientsKernel<Number>{channel_gradients, gradients.weight, gradients.bias, size});
  launch(group_norm_grid(size, layout, 0),
         InputGradientKernel<Number, kWidth, kSilu>{gradients.gradient, call.input, call.weight, call.bias, call.mean,
                                                    call.rstd, lines, gradients.input, size, layout});
}

/// Runs body(width, silu) with both as compile-time constants.
template <class Number, class Body, class... Pointer>
void with_width_and_silu(const GroupNormArguments<Number>& call, const Body& body, const Pointer*... pointers) {
  constexpr int kWidth = kVectorWidth<Number>;
  const bool vectors = takes_vectors<Number>(call.size.channels, call.input, pointers...);
  if (vectors && call.silu) return body.template operator()<kWidth, true>();
  if (vectors) return body.template operator()<kWidth, false>();
  if (call.silu) return body.template operator()<1, true>();
  return body.template operator()<1, false>();
}

/// Statistics (into call.mean and call.rstd) and output.
template <class Number, class Launch>
void group_norm_forward(const GroupNormArguments<Number>& call, float eps, Number* output, const Launch& launch) {
  with_width_and_silu(
      call,
      [&]<int kWidth, bool kSilu>() {
        group_norm_statistics<kWidth>(call, eps, launch);
        group_norm_output<kWidth, kSilu>(call, output, launch);
      },
      output);
}

/// The output from statistics that are there.
template <class Number, class Launch>
void group_norm_again(const GroupNormArguments<Number>& call, Number* output, const Launch& launch) {
  with_width_and_silu(
      call, [&]<int kWidth, bool kSilu>() { group_norm_output<kWidth, kSilu>(call, output, launch); }, output);
}

template <class Number, class Launch>
void group_norm_backward(const GroupNormArguments<Number>& call, const GroupNormGradients<Number>& gradients,
                         const Launch& launch) {
  with_width_and_silu(
      call, [&]<int kWidth, bool kSilu>() { group_norm_gradients<kWidth, kSilu>(call, gradients, launch); },
      gradients.gradient, gradients.input);
}

}  // namespace atelier::device

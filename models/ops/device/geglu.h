// Kernels of value * gelu(gate), forward and backward.
#pragma once

#include <cmath>

#include "models/ops/device/number.h"

namespace atelier::device {

/// By erfc: 1 + erf loses its digits in the lower tail.
ATELIER_DEVICE float normal_cumulative(float x) { return 0.5F * erfcf(x * -0.707106781F); }
ATELIER_DEVICE float normal_density(float x) { return 0.398942280F * expf(-0.5F * x * x); }

/// Rows [value, gate] of 2 * `width` -> rows of `width`.
template <class Number, int kWidth>
struct GegluKernel {
  const Number* input;
  Number* output;
  int64_t rows, width;

  ATELIER_DEVICE void operator()(Block& block) const {
    block.phase([&](int thread) {
      const int64_t columns = width / kWidth;
      const int64_t stride = block.blocks() * block.threads();
      for (int64_t i = block.x() * block.threads() + thread; i < rows * columns; i += stride) {
        const int64_t row = i / columns, column = i % columns * kWidth;
        const auto value = Vector<Number, kWidth>::load(input + row * 2 * width + column);
        const auto gate = Vector<Number, kWidth>::load(input + row * 2 * width + width + column);
        Vector<Number, kWidth> result;
        for (int k = 0; k < kWidth; ++k) {
          const float g = to_float(gate.items[k]);
          store(to_float(value.items[k]) * g * normal_cumulative(g), result.items[k]);
        }
        result.save(output + row * width + column);
      }
    });
  }
};

template <class Number, int kWidth>
struct GegluBackwardKernel {
  const Number *gradient, *input;
  Number* input_gradient;
  int64_t rows, width;

  ATELIER_DEVICE void operator()(Block& block) const {
    block.phase([&](int thread) {
      const int64_t columns = width / kWidth;
      const int64_t stride = block.blocks() * block.threads();
      for (int64_t i = block.x() * block.threads() + thread; i < rows * columns; i += stride) {
        const int64_t row = i / columns, column = i % columns * kWidth;
        const int64_t offset = row * 2 * width + column;
        const auto value = Vector<Number, kWidth>::load(input + offset);
        const auto gate = Vector<Number, kWidth>::load(input + offset + width);
        const auto outer = Vector<Number, kWidth>::load(gradient + row * width + column);
        Vector<Number, kWidth> of_value, of_gate;
        for (int k = 0; k < kWidth; ++k) {
          const float g = to_float(gate.items[k]), d = to_float(outer.items[k]), cumulative = normal_cumulative(g);
          store(d * g * cumulative, of_value.items[k]);
          store(d * to_float(value.items[k]) * (cumulative + g * normal_density(g)), of_gate.items[k]);
        }
        of_value.save(input_gradient + offset);
        of_gate.save(input_gradient + offset + width);
      }
    });
  }
};

inline Grid geglu_grid(int64_t items) {
  constexpr int64_t kMostBlocks = 1 << 16;
  Grid grid;
  grid.x = (items + grid.threads - 1) / grid.threads;
  if (grid.x > kMostBlocks) grid.x = kMostBlocks;
  return grid;
}

/// launch(Grid, kernel) runs a kernel.
template <class Number, class Launch>
void geglu(const Number* input, Number* output, int64_t rows, int64_t width, const Launch& launch) {
  constexpr int kWidth = kVectorWidth<Number>;
  if (takes_vectors<Number>(width, input, output)) {
    launch(geglu_grid(rows * width / kWidth), GegluKernel<Number, kWidth>{input, output, rows, width});
  } else {
    launch(geglu_grid(rows * width), GegluKernel<Number, 1>{input, output, rows, width});
  }
}

template <class Number, class Launch>
void geglu_backward(const Number* gradient, const Number* input, Number* input_gradient, int64_t rows, int64_t width,
                    const Launch& launch) {
  constexpr int kWidth = kVectorWidth<Number>;
  if (takes_vectors<Number>(width, gradient, input, input_gradient)) {
    launch(geglu_grid(rows * width / kWidth),
           GegluBackwardKernel<Number, kWidth>{gradient, input, input_gradient, rows, width});
  } else {
    launch(geglu_grid(rows * width), GegluBackwardKernel<Number, 1>{gradient, input, input_gradient, rows, width});
  }
}

}  // namespace atelier::device

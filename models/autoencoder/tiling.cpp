#include "models/autoencoder/tiling.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace atelier {
namespace {

/// Fades from the last `extent` lines of `before` into the first ones of `tile`, in place, along `dimension`.
void blend_tile(const at::Tensor& before, const at::Tensor& tile, int64_t dimension, int64_t extent) {
  extent = std::min({extent, before.size(dimension), tile.size(dimension)});
  std::vector<int64_t> shape(4, 1);
  shape[static_cast<size_t>(dimension)] = extent;
  const at::Tensor weight =
      at::arange(extent, tile.options().dtype(at::kFloat)).div(static_cast<double>(extent)).view(shape);
  const at::Tensor from = before.narrow(dimension, before.size(dimension) - extent, extent);
  const at::Tensor into = tile.narrow(dimension, 0, extent);
  into.copy_(from * (1 - weight) + into * weight);
}

}  // namespace

at::Tensor run_in_tiles(const at::Tensor& input, TileShape shape,
                        const std::function<at::Tensor(const at::Tensor& tile)>& network) {
  const int64_t step = shape.in / 4 * 3, blend = shape.out / 4, kept = shape.out - blend;
  std::vector<at::Tensor> rows, above;
  for (int64_t y = 0; y < input.size(2); y += step) {
    std::vector<at::Tensor> row, parts;
    for (int64_t x = 0; x < input.size(3); x += step) {
      const at::Tensor tile = network(input.slice(2, y, y + shape.in).slice(3, x, x + shape.in));
      if (!above.empty()) blend_tile(above[row.size()], tile, 2, blend);
      if (!row.empty()) blend_tile(row.back(), tile, 3, blend);
      row.push_back(tile);
      parts.push_back(tile.slice(2, 0, kept).slice(3, 0, kept));
    }
    rows.push_back(at::cat(parts, 3));
    above = std::move(row);
  }
  return at::cat(rows, 2);
}

}  // namespace atelier

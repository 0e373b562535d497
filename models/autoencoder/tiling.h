// A network run on overlapping tiles of its input: memory of one tile, whatever the size of the picture.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

namespace atelier {

/// Sides of a square tile before and after the network, both multiples of 4.
struct TileShape {
  int64_t in, out;
};

/// network(input) made of tiles that overlap by a quarter and fade into one another there; the sums are those of
/// diffusers' AutoencoderKL.tiled_encode and tiled_decode. Differs from the whole near the tiles' borders, and where a
/// norm or attention would have seen all of the picture.
at::Tensor run_in_tiles(const at::Tensor& input /*[B, C, h, w]*/, TileShape shape,
                        const std::function<at::Tensor(const at::Tensor& tile)>& network);

}  // namespace atelier

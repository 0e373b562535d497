// How GroupNorm of NHWC tensors is spread over blocks and threads. Fixed by the shape of one sample alone: the order of
// every sum, and so its bits, depend neither on the device nor on the batch.
#pragma once

#include "models/ops/device/number.h"

namespace atelier::device {

struct GroupNormSize {
  int64_t samples, pixels;
  int channels, groups;

  ATELIER_DEVICE int group_channels() const { return channels / groups; }
};

/// A block takes one part of a sample's pixels and all channels; a thread takes vectors of channels (columns) at every
/// `lanes`-th pixel of the part.
struct GroupNormLayout {
  int parts;             // of a sample's pixels
  int64_t part_pixels;   // of each part but the last
  int columns, lanes;    // of a block
  int threads;           // of a block: a warp or less has nothing to do
};

constexpr int kGroupNormThreads = 256;  // about

/// Threads of a block that share each of `width` sums.
constexpr ATELIER_EVERYWHERE int lanes_for(int width) {
  return width < kGroupNormThreads ? kGroupNormThreads / width : 1;
}

inline GroupNormLayout group_norm_layout(const GroupNormSize& size, int vector_width) {
  constexpr int64_t kMostParts = 512, kPixelsAThread = 8;
  constexpr int kWarp = 32;
  GroupNormLayout layout{};
  layout.columns = size.channels / vector_width;
  layout.lanes = lanes_for(layout.columns);
  const int threads = (layout.columns * layout.lanes + kWarp - 1) / kWarp * kWarp;
  layout.threads = threads < kMostThreads ? threads : kMostThreads;
  int64_t parts = size.pixels / (layout.lanes * kPixelsAThread);
  parts = parts < 1 ? 1 : parts > kMostParts ? kMostParts : parts;
  layout.part_pixels = (size.pixels + parts - 1) / parts;
  layout.parts = static_cast<int>((size.pixels + layout.part_pixels - 1) / layout.part_pixels);
  return layout;
}

inline Grid group_norm_grid(const GroupNormSize& size, const GroupNormLayout& layout, int shared_floats_a_channel) {
  Grid grid{layout.parts, size.samples, layout.threads};
  grid.shared_bytes = sizeof(float) * static_cast<size_t>(shared_floats_a_channel) *
                      static_cast<size_t>(layout.lanes) * static_cast<size_t>(size.channels);
  return grid;
}

/// The columns of a block that one thread works on, and its place among their lanes.
struct ThreadPlace {
  int lane, first_column;

  ATELIER_DEVICE ThreadPlace(const GroupNormLayout& layout, int thread)
      : lane(layout.lanes > 1 ? thread / layout.columns : 0),
        first_column(layout.lanes > 1 ? thread % layout.columns : thread) {}

  /// body(column) for each. Threads beyond the last lane have none.
  template <class Body>
  ATELIER_DEVICE void for_each_column(const GroupNormLayout& layout, int threads, Body body) const {
    if (lane >= layout.lanes) return;
    for (int column = first_column; column < layout.columns; column += threads) body(column);
  }
};

/// The pixels of a block's part that a lane visits: begin + lane, and every `lanes`-th from there on.
struct PixelRange {
  int64_t begin, end;

  ATELIER_DEVICE PixelRange(const GroupNormLayout& layout, int64_t pixels, int64_t part)
      : begin(part * layout.part_pixels),
        end(begin + layout.part_pixels < pixels ? begin + layout.part_pixels : pixels) {}
};

/// Two numbers for each of `width` places of a row, summed over the parts of a sample: each lane sums some parts into
/// shared memory, then one thread a place sums the lanes.
struct JoinedParts {
  int width, lanes;
  float *first, *second;  // [lanes, width], shared

  ATELIER_DEVICE JoinedParts(Block& block, int places)
      : width(places), lanes(lanes_for(places)), first(block.shared()), second(first + lanes * width) {}

  static size_t shared_bytes(int width) {
    return 2 * sizeof(float) * static_cast<size_t>(lanes_for(width)) * static_cast<size_t>(width);
  }

  /// What one thread does in a first phase. `partial`: the first place's numbers in the first part, two a place; the
  /// next part's are `stride` places further on.
  ATELIER_DEVICE void gather(const Block& block, int thread, const float* partial, int parts, int64_t stride) const {
    for (int i = thread; i < lanes * width; i += block.threads()) {
      float a = 0, b = 0;
      ATELIER_UNROLL
      for (int part = i / width; part < parts; part += lanes) {
        const float* in = partial + (part * stride + i % width) * 2;
        a += in[0];
        b += in[1];
      }
      first[i] = a;
      second[i] = b;
    }
  }

  struct Sums {
    float first, second;
  };
  /// In a later phase.
  ATELIER_DEVICE Sums total(int place) const {
    Sums sums{0, 0};
    for (int lane = 0; lane < lanes; ++lane) {
      sums.first += first[lane * width + place];
      sums.second += second[lane * width + place];
    }
    return sums;
  }
};

}  // namespace atelier::device

// Token ids in chunks -> Conditioning: emphasis, and the chunks of a text side by side.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "models/clip/clip_layers.h"

namespace atelier {

/// What becomes of the states of a text's k chunks of L each.
enum class ChunkJoin {
  kInner,  // [k (L - 2) + 2]: the first begin, the inner states, the last end (sd-scripts)
  kFull,   // [k L]: side by side (A1111, ComfyUI)
};

/// How a weight w acts on the state z of its token. In each chunk and encoder by itself, so a text's states do not
/// depend on its neighbours in a batch. The pooled embedding is never weighted.
enum class Emphasis {
  kNoNorm,    // z w (A1111's "No norm", sd-scripts for SDXL)
  kOriginal,  // z w times mean(z) / mean(z w) over the chunk (A1111's "Original")
  kComfy,     // e + (z - e) w, e: the empty text's state at the same place (ComfyUI)
};

/// B texts of k chunks each. Equal chunks need to be encoded once only: there are R different ones.
struct ChunkedTexts {
  static constexpr int64_t kNone = -1;

  at::Tensor input_ids_1, input_ids_2;             // [R, L] int64
  std::vector<TokenVectors> vectors_1, vectors_2;  // replaced embeddings, by row
  at::Tensor weights;                              // [R, L] float; undefined: all 1
  int64_t empty_row = kNone;                       // the empty text's; needed for kComfy with weights
  at::Tensor rows;                                 // [B, k] int64, a text's chunks among R; undefined: B = R, k = 1
  int64_t clip_skip = 2;                           // CLIPTextRequest::clip_skip of both encoders
  ChunkJoin join = ChunkJoin::kInner;
  Emphasis emphasis = Emphasis::kNoNorm;
};

}  // namespace atelier

// How a projection's input is made again in the backward pass, instead of being kept for it.
#pragma once

#include <ATen/core/Tensor.h>

namespace atelier {

/// Shared by the operation that made the input and the projections that take it (queries, keys and values take one;
/// so do a projection and its LoRA). It keeps what the operation's own backward pass keeps anyway.
///
/// Takers announce themselves in the forward pass. In backward the input is made for the first of them and dropped
/// after the last, so it lives as briefly as a gradient. One backward pass at a time, as with any graph.
class InputRecipe {
 public:
  InputRecipe() = default;
  virtual ~InputRecipe() = default;
  InputRecipe(const InputRecipe&) = delete;
  InputRecipe& operator=(const InputRecipe&) = delete;

  /// In forward: one more projection will call take() in backward.
  void expect_taker() { ++takers_; }
  /// In backward: the input, bit for bit.
  at::Tensor take();
  /// Drops what takers that did not come have left (a backward pass of a part of the graph).
  void drop();

 private:
  virtual at::Tensor make() const = 0;

  int takers_ = 0, served_ = 0;
  at::Tensor made_;
};

}  // namespace atelier

// Normalisation layers.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "models/module.h"
#include "models/ops/norm.h"

namespace atelier {

/// Normalisation with a weight (1 at first) and a bias (0 at first) a channel.
class Norm : public Module {
 public:
  virtual at::Tensor forward(const at::Tensor& input) const = 0;  // same shape
  virtual NormShape shape() const = 0;                            // which norm, for models/ops
  const at::Tensor& weight() const { return weight_; }            // [C]
  const at::Tensor& bias() const { return bias_; }                // [C]

 protected:
  Norm(int64_t channels, double eps);

  at::Tensor weight_, bias_;
  double eps_;
};

/// Over groups of channels of [B, C, ...].
class GroupNorm : public Norm {
 public:
  GroupNorm(int64_t groups, int64_t channels, double eps = 1e-5);
  at::Tensor forward(const at::Tensor& input) const override;
  NormShape shape() const override { return {groups_, eps_}; }

 private:
  int64_t groups_;
};

/// Over the last dimension of [..., C].
class LayerNorm : public Norm {
 public:
  explicit LayerNorm(int64_t channels, double eps = 1e-5);
  at::Tensor forward(const at::Tensor& input) const override;
  NormShape shape() const override { return {0, eps_}; }
};

}  // namespace atelier

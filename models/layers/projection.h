// Linear and convolution layers: the projections that own a slot for adapters (LoRA and its kin).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "models/module.h"

namespace atelier {

class Projection;

/// Something trained beside a projection's weight. Its parameters are not part of the model's tree: they belong to the
/// network (models/adapters/lora.h) that made them.
class Adapter : public Module {
 public:
  /// What the projection's output gains: the result has the shape of `projection.base(input)`.
  virtual at::Tensor delta(const Projection& projection, const at::Tensor& input) const = 0;
};

/// y = base(x) + sum of the adapters' deltas.
class Projection : public Module {
 public:
  at::Tensor forward(const at::Tensor& input) const;
  /// Without adapters.
  at::Tensor base(const at::Tensor& input) const { return apply(input, weight_, bias_); }
  /// This layer's operation (stride and padding included) with another weight. `bias` may be undefined.
  virtual at::Tensor apply(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias) const = 0;

  const at::Tensor& weight() const { return weight_; }  // [out, in] or [out, in, kh, kw]
  const at::Tensor& bias() const { return bias_; }      // [out], undefined without
  /// Neither weight nor bias is trained (adapters may be).
  bool frozen() const { return !weight_.requires_grad() && !(bias_.defined() && bias_.requires_grad()); }

  /// Adds to the slot; several are summed.
  void attach(std::shared_ptr<const Adapter> adapter) { adapters_.push_back(std::move(adapter)); }
  void detach_adapters() { adapters_.clear(); }

 protected:
  at::Tensor weight_, bias_;

 private:
  std::vector<std::shared_ptr<const Adapter>> adapters_;
};

/// [..., in] -> [..., out]
class Linear : public Projection {
 public:
  Linear(int64_t in_features, int64_t out_features, bool bias = true);
  at::Tensor apply(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias) const override;
};

/// [B, in, h, w] -> [B, out, h', w'], square kernel, zero padding.
class Conv2d : public Projection {
 public:
  Conv2d(int64_t in_channels, int64_t out_channels, int64_t kernel_size, int64_t stride = 1, int64_t padding = 0);
  at::Tensor apply(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias) const override;

 private:
  int64_t stride_, padding_;
};

}  // namespace atelier

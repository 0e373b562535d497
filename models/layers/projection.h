// Linear and convolution layers: the projections that own a slot for adapters (LoRA and its kin).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "models/layers/layer_body.h"
#include "models/module.h"

namespace atelier {

class InputRecipe;
class Projection;

/// What a projection is applied to.
class ProjectionInput {
 public:
  ProjectionInput(at::Tensor tensor) : tensor_(std::move(tensor)) {}  // implicit: most inputs are plain tensors
  /// With a recipe the projection does not keep `tensor` for backward, but makes it again.
  ProjectionInput(at::Tensor tensor, std::shared_ptr<InputRecipe> recipe)
      : tensor_(std::move(tensor)), recipe_(std::move(recipe)) {}
  const at::Tensor& tensor() const { return tensor_; }
  const std::shared_ptr<InputRecipe>& recipe() const { return recipe_; }  // may be null

 private:
  at::Tensor tensor_;
  std::shared_ptr<InputRecipe> recipe_;
};

/// Something trained beside a projection's weight. Its parameters are not part of the model's tree: they belong to the
/// network (models/adapters) that made them.
class Adapter : public Module {
 public:
  /// Whether the shapes go with the projection's.
  virtual bool fits(const Projection& projection) const = 0;
  /// `weight` with this adapter in it: same shape, differentiable in the adapter's parameters. What merging writes.
  virtual at::Tensor adapted_weight(const at::Tensor& weight) const = 0;

  /// Adapters that are cheaper beside the projection than in its weight say so and give delta(); the others act through
  /// the effective weight.
  virtual bool acts_on_output() const { return false; }
  /// What the projection's output gains. REQUIRES acts_on_output().
  virtual at::Tensor delta(const Projection& projection, const ProjectionInput& input) const;
};

/// y = apply(x, effective weight), plus the adapters' deltas where all of them act on the output. A mixture goes
/// through the weight, so that the order of several adapters means the same there and when they are merged.
class Projection : public Module {
 public:
  at::Tensor forward(const ProjectionInput& input) const;
  /// This layer's operation (stride and padding included) with another weight. `bias` may be undefined.
  virtual at::Tensor apply(const ProjectionInput& input, const at::Tensor& weight, const at::Tensor& bias) const = 0;

  const at::Tensor& weight() const { return weight_; }  // [out, in] or [out, in, kh, kw]
  const at::Tensor& bias() const { return bias_; }      // [out], undefined without
  /// The weight that forward applies: with every adapter in it, unless all of them act on the output.
  at::Tensor effective_weight() const;
  /// The weight with every adapter in it, one after another.
  at::Tensor merged_weight() const;
  /// Replaces the weight by one of its shape.
  void set_weight(at::Tensor weight) { weight_ = std::move(weight); }
  /// Of the unit that ends in this projection: set_layer_body().
  LayerBody body() const { return body_; }
  void set_body(LayerBody body) { body_ = body; }

  /// Adds to the slot; several act one after another.
  void attach(std::shared_ptr<const Adapter> adapter) { adapters_.push_back(std::move(adapter)); }
  /// Where the adapters act through the weight, it becomes the effective one for good and the slot is empty.
  void absorb_adapters();

 protected:
  at::Tensor weight_, bias_;

 private:
  bool adapters_act_on_output() const;

  std::vector<std::shared_ptr<const Adapter>> adapters_;
  LayerBody body_ = LayerBody::kFused;
};

/// Projection::absorb_adapters() of every projection of `model`: for drawing, where each call would else make those
/// weights anew.
void absorb_adapters(Module& model);

/// [..., in] -> [..., out]
class Linear : public Projection {
 public:
  Linear(int64_t in_features, int64_t out_features, bool bias = true);
  at::Tensor apply(const ProjectionInput& input, const at::Tensor& weight, const at::Tensor& bias) const override;
};

/// [B, in, h, w] -> [B, out, h', w'], square kernel, zero padding.
class Conv2d : public Projection {
 public:
  Conv2d(int64_t in_channels, int64_t out_channels, int64_t kernel_size, int64_t stride = 1, int64_t padding = 0);
  at::Tensor apply(const ProjectionInput& input, const at::Tensor& weight, const at::Tensor& bias) const override;

 private:
  int64_t stride_, padding_;
};

}  // namespace atelier

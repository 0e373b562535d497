#include "models/layers/fused_input.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <memory>
#include <utility>

#include "models/layers/first_order_node.h"
#include "models/layers/input_recipe.h"
#include "models/ops/geglu.h"
#include "models/ops/norm.h"

namespace atelier {
namespace {

using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

/// An operation that can be run again, and its gradients. What it keeps is checked against changes in place.
class RepeatableOperation : public InputRecipe {
 public:
  /// Of the tensors that the node was made for, in order; undefined where not wanted.
  virtual variable_list backward(const at::Tensor& gradient, const std::vector<bool>& wanted) const = 0;
};

class RepeatableNode : public FirstOrderNode {
 public:
  RepeatableNode(const char* name, std::shared_ptr<RepeatableOperation> operation)
      : FirstOrderNode(name), operation_(std::move(operation)) {}

 private:
  variable_list gradients(const at::Tensor& gradient, const std::vector<bool>& wanted) override {
    operation_->drop();  // every taker comes before
    return operation_->backward(gradient, wanted);
  }
  bool released() const override { return operation_ == nullptr; }
  void release_variables() override { operation_.reset(); }

  std::shared_ptr<RepeatableOperation> operation_;
};

class NormOperation : public RepeatableOperation {
 public:
  NormOperation(const Norm& norm, Activation activation, const at::Tensor& input, Normalised statistics)
      : shape_(norm.shape()),
        activation_(activation),
        input_(input, false),
        weight_(norm.weight(), false),
        bias_(norm.bias(), false),
        statistics_(std::move(statistics)) {}

  variable_list backward(const at::Tensor& gradient, const std::vector<bool>& wanted) const override {
    const auto [input, weight, bias] =
        norm_activation_backward(shape_, activation_, gradient, input_.unpack(), statistics_, weight_.unpack(),
                                 bias_.unpack(), {wanted[0], wanted[1], wanted[2]});
    return {input, weight, bias};
  }

 private:
  at::Tensor make() const override {
    return norm_activation_again(shape_, activation_, input_.unpack(), statistics_, weight_.unpack(), bias_.unpack());
  }

  NormShape shape_;
  Activation activation_;
  SavedVariable input_, weight_, bias_;
  Normalised statistics_;  // without the output
};

class ActivationOperation : public RepeatableOperation {
 public:
  ActivationOperation(Activation activation, const at::Tensor& input) : activation_(activation), input_(input, false) {}

  variable_list backward(const at::Tensor& gradient, const std::vector<bool>&) const override {
    return {activate_backward(activation_, gradient, input_.unpack())};
  }

 private:
  at::Tensor make() const override { return activate_forward(activation_, input_.unpack()); }

  Activation activation_;
  SavedVariable input_;
};

class GegluOperation : public RepeatableOperation {
 public:
  explicit GegluOperation(const at::Tensor& input) : input_(input, false) {}

  variable_list backward(const at::Tensor& gradient, const std::vector<bool>&) const override {
    return {geglu_backward(gradient, input_.unpack())};
  }

 private:
  at::Tensor make() const override { return geglu(input_.unpack()); }

  SavedVariable input_;
};

/// Another recipe's input, its pixels laid out as positions.
class PositionsRecipe : public InputRecipe {
 public:
  explicit PositionsRecipe(std::shared_ptr<InputRecipe> pixels) : pixels_(std::move(pixels)) {
    pixels_->expect_taker();
  }

 private:
  at::Tensor make() const override { return pixels_->take().flatten(2).transpose(1, 2).contiguous(); }

  std::shared_ptr<InputRecipe> pixels_;
};

/// `output`, made from `inputs` by `operation`, in the graph.
ProjectionInput in_graph(const char* name, const at::Tensor& output, std::shared_ptr<RepeatableOperation> operation,
                         const variable_list& inputs) {
  add_to_graph(std::make_unique<RepeatableNode>(name, operation), output, inputs);
  return {output, std::move(operation)};
}

}  // namespace

ProjectionInput fused_norm(const Norm& norm, Activation activation, const at::Tensor& input) {
  Normalised result;
  {
    const at::NoGradGuard below_autograd;
    result = norm_activation(norm.shape(), activation, input, norm.weight(), norm.bias());
  }
  if (!at::GradMode::is_enabled()) return result.output;
  const at::Tensor output = std::exchange(result.output, {});
  auto operation = std::make_shared<NormOperation>(norm, activation, input, std::move(result));
  return in_graph("FusedNorm", output, std::move(operation), {input, norm.weight(), norm.bias()});
}

ProjectionInput fused_activation(Activation activation, const at::Tensor& input) {
  if (activation == Activation::kNone) return input;
  at::Tensor output;
  {
    const at::NoGradGuard below_autograd;
    output = activate_forward(activation, input);
  }
  if (!at::GradMode::is_enabled()) return output;
  return in_graph("FusedActivation", output, std::make_shared<ActivationOperation>(activation, input), {input});
}

ProjectionInput fused_geglu(const at::Tensor& input) {
  at::Tensor output;
  {
    const at::NoGradGuard below_autograd;
    output = geglu(input);
  }
  if (!at::GradMode::is_enabled()) return output;
  return in_graph("FusedGeglu", output, std::make_shared<GegluOperation>(input), {input});
}

ProjectionInput as_positions(const ProjectionInput& input) {
  const at::Tensor positions = input.tensor().flatten(2).transpose(1, 2).contiguous();
  if (!input.recipe()) return positions;
  return {positions, std::make_shared<PositionsRecipe>(input.recipe())};
}

}  // namespace atelier

#include "models/layers/fused_projection.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "models/layers/first_order_node.h"
#include "models/layers/input_recipe.h"

namespace atelier {
namespace {

using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

/// What both keep. Inputs of a node: input, weight, bias.
class ProjectionNode : public FirstOrderNode {
 protected:
  ProjectionNode(const char* name, const ProjectionInput& input, const at::Tensor& weight)
      : FirstOrderNode(name), recipe_(input.recipe()), weight_(weight, false) {
    if (weight.requires_grad()) recipe_->expect_taker();
  }

  at::Tensor weight() const { return weight_.unpack(); }
  at::Tensor take_input() { return recipe_->take(); }

 private:
  bool released() const override { return recipe_ == nullptr; }
  void release_variables() override {
    recipe_.reset();
    weight_.reset_data();
  }

  std::shared_ptr<InputRecipe> recipe_;
  SavedVariable weight_;
};

class LinearNode : public ProjectionNode {
 public:
  LinearNode(const ProjectionInput& input, const at::Tensor& weight) : ProjectionNode("FusedLinear", input, weight) {}

 private:
  variable_list gradients(const at::Tensor& gradient, const std::vector<bool>& wanted) override {
    const at::Tensor rows = gradient.flatten(0, -2);  // [N, out]
    variable_list result(3);
    if (wanted[0]) {
      std::vector<int64_t> sizes = gradient.sizes().vec();
      sizes.back() = weight().size(1);
      result[0] = at::mm(rows, weight()).view(sizes);
    }
    if (wanted[1]) result[1] = at::mm(rows.t(), take_input().flatten(0, -2));
    if (wanted[2]) result[2] = rows.sum(0);
    return result;
  }
};

class Conv2dNode : public ProjectionNode {
 public:
  Conv2dNode(const ProjectionInput& input, const at::Tensor& weight, int64_t stride, int64_t padding)
      : ProjectionNode("FusedConv2d", input, weight),
        input_sizes_(input.tensor().sizes().vec()),
        format_(input.tensor().suggest_memory_format()),
        stride_(stride),
        padding_(padding) {}

 private:
  variable_list gradients(const at::Tensor& gradient, const std::vector<bool>& wanted) override {
    const at::Tensor kernel = weight();
    // Without the weight's gradient only the input's shape is read.
    const at::Tensor input =
        wanted[1] ? take_input() : at::empty(input_sizes_, gradient.options().memory_format(format_));
    const std::vector<int64_t> bias_sizes{kernel.size(0)}, stride{stride_, stride_}, padding{padding_, padding_};
    const auto [of_input, of_weight, of_bias] = at::convolution_backward(
        gradient, input, kernel, bias_sizes, stride, padding, /*dilation=*/{1, 1}, /*transposed=*/false,
        /*output_padding=*/{0, 0}, /*groups=*/1, {wanted[0], wanted[1], wanted[2]});
    return {of_input, of_weight, of_bias};
  }

  std::vector<int64_t> input_sizes_;
  at::MemoryFormat format_;
  int64_t stride_, padding_;
};

}  // namespace

at::Tensor fused_linear(const ProjectionInput& input, const at::Tensor& weight, const at::Tensor& bias) {
  at::Tensor output;
  {
    const at::NoGradGuard below_autograd;
    output = at::linear(input.tensor(), weight, bias);
  }
  add_to_graph(std::make_unique<LinearNode>(input, weight), output, {input.tensor(), weight, bias});
  return output;
}

at::Tensor fused_conv2d(const ProjectionInput& input, const at::Tensor& weight, const at::Tensor& bias, int64_t stride,
                        int64_t padding) {
  at::Tensor output;
  {
    const at::NoGradGuard below_autograd;
    output = at::conv2d(input.tensor(), weight, bias, stride, padding);
  }
  add_to_graph(std::make_unique<Conv2dNode>(input, weight, stride, padding), output, {input.tensor(), weight, bias});
  return output;
}

}  // namespace atelier

// A node of the autograd graph with one output, written by hand: what torch::autograd::Function does not give is the
// release of what the node keeps as soon as its backward pass has run.
#pragma once

#include <torch/csrc/autograd/function.h>

#include <memory>
#include <string>
#include <vector>

namespace atelier {

class FirstOrderNode : public torch::autograd::Node {
 public:
  explicit FirstOrderNode(const char* name) : name_(name) {}
  std::string name() const override { return name_; }

 protected:
  /// Of the node's inputs in order, from the output's `gradient`; undefined where not `wanted`.
  virtual torch::autograd::variable_list gradients(const at::Tensor& gradient, const std::vector<bool>& wanted) = 0;
  /// Whether an earlier backward pass has released what gradients() needs.
  virtual bool released() const = 0;

 private:
  /// std::logic_error for gradients of gradients, which would be silently wrong; c10::Error for a released graph.
  torch::autograd::variable_list apply(torch::autograd::variable_list&& output_gradients) final;

  const char* name_;
};

/// Makes `output` the node's, if any of `inputs` requires a gradient. REQUIRES gradient mode and an output that was
/// computed outside of it.
void add_to_graph(std::unique_ptr<FirstOrderNode> node, const at::Tensor& output,
                  const torch::autograd::variable_list& inputs);

}  // namespace atelier

#include "models/layers/first_order_node.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <algorithm>
#include <stdexcept>

namespace atelier {

using torch::autograd::variable_list;

variable_list FirstOrderNode::apply(variable_list&& output_gradients) {
  TORCH_CHECK(!released(), torch::autograd::ERR_BACKWARD_TWICE);
  if (at::GradMode::is_enabled()) {
    throw std::logic_error("gradients of gradients are not in the fused layers: use LayerBody::kPlain");
  }
  if (!output_gradients[0].defined()) return variable_list(num_outputs());
  std::vector<bool> wanted(num_outputs());
  for (size_t i = 0; i < wanted.size(); ++i) wanted[i] = task_should_compute_output(i);
  return gradients(output_gradients[0], wanted);
}

void add_to_graph(std::unique_ptr<FirstOrderNode> node, const at::Tensor& output, const variable_list& inputs) {
  const auto in_graph = [](const at::Tensor& tensor) { return tensor.defined() && tensor.requires_grad(); };
  if (std::none_of(inputs.begin(), inputs.end(), in_graph)) return;
  // deleteNode: long graphs are taken down in a loop, not recursively.
  const std::shared_ptr<torch::autograd::Node> shared(node.release(), torch::autograd::deleteNode);
  shared->set_next_edges(torch::autograd::collect_next_edges(inputs));
  torch::autograd::set_history(output, shared);
}

}  // namespace atelier

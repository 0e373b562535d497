#include "models/layers/checkpoint.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

namespace atelier {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

/// Copies that share memory but not history; they require a gradient where the originals do.
variable_list detached(const variable_list& tensors) {
  variable_list copies;
  copies.reserve(tensors.size());
  for (const Variable& tensor : tensors) copies.push_back(tensor.detach().set_requires_grad(tensor.requires_grad()));
  return copies;
}

struct CheckpointFunction : torch::autograd::Function<CheckpointFunction> {
  /// The first input is the anchor: it requires a gradient, so that backward is called even if only parameters do.
  static variable_list forward(AutogradContext* context, const std::shared_ptr<TensorFunction>& block,
                               at::TensorList inputs) {
    context->saved_data["block"] = c10::IValue::make_capsule(c10::make_intrusive<Holder>(block));
    context->save_for_backward(inputs.vec());
    return (*block)(inputs.slice(1).vec());
  }

  static variable_list backward(AutogradContext* context, const variable_list& output_gradients) {
    const auto holder = c10::static_intrusive_pointer_cast<Holder>(context->saved_data["block"].toCapsule());
    variable_list inputs = detached(context->get_saved_variables());
    inputs.erase(inputs.begin());
    variable_list outputs, gradients;
    {
      const at::AutoGradMode with_grad(true);
      const variable_list all = (*holder->block)(inputs);
      for (size_t i = 0; i < all.size(); ++i) {
        if (!all[i].requires_grad() || !output_gradients[i].defined()) continue;
        outputs.push_back(all[i]);
        gradients.push_back(output_gradients[i]);
      }
    }
    if (!outputs.empty()) torch::autograd::backward(outputs, gradients);
    variable_list result{Variable(), Variable()};  // of the block and the anchor
    for (const Variable& input : inputs) result.push_back(input.grad());
    return result;
  }

 private:
  struct Holder : torch::CustomClassHolder {
    explicit Holder(std::shared_ptr<TensorFunction> held) : block(std::move(held)) {}
    std::shared_ptr<TensorFunction> block;
  };
};

}  // namespace

Tensors checkpoint(const TensorFunction& block, const Tensors& inputs) {
  if (!at::GradMode::is_enabled()) return block(inputs);
  Tensors all{at::empty({0}).set_requires_grad(true)};
  all.insert(all.end(), inputs.begin(), inputs.end());
  return CheckpointFunction::apply(std::make_shared<TensorFunction>(block), at::TensorList(all));
}

}  // namespace atelier

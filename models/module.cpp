#include "models/module.h"

#include <ATen/ATen.h>

#include <cmath>
#include <stdexcept>
#include <utility>

#include "models/layers/memory_layout.h"

namespace atelier {
namespace {

std::string joined_path(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "." + name;
}

}  // namespace

Init Init::fan_in(int64_t fan_in) { return uniform(1 / std::sqrt(static_cast<double>(fan_in))); }

void Module::add_parameter(std::string name, at::Tensor& tensor, std::vector<int64_t> shape, Init init) {
  tensor = at::empty(shape, at::TensorOptions().dtype(at::kFloat).device(at::kMeta));
  parameters_.push_back({std::move(name), &tensor, init});
}

void Module::add_child(std::string name, Module& child) { children_.push_back({std::move(name), &child}); }

void Module::visit_parameters(const std::string& prefix,
                              const std::function<void(const std::string&, const Parameter&)>& visit) const {
  for (const Parameter& parameter : parameters_) visit(joined_path(prefix, parameter.name), parameter);
  for (const Child& child : children_) child.module->visit_parameters(joined_path(prefix, child.name), visit);
}

void Module::visit_modules(const std::string& path, const std::function<void(const std::string&, Module&)>& visit) {
  visit(path, *this);
  for (const Child& child : children_) child.module->visit_modules(joined_path(path, child.name), visit);
}

void Module::for_each_parameter(const Visit& visit) {
  visit_parameters("", [&](const std::string& name, const Parameter& parameter) { visit(name, *parameter.tensor); });
}

void Module::for_each_parameter(const ConstVisit& visit) const {
  visit_parameters("", [&](const std::string& name, const Parameter& parameter) { visit(name, *parameter.tensor); });
}

void Module::for_each_module(const std::function<void(const std::string&, Module&)>& visit) {
  visit_modules("", visit);
}

void Module::set_init(const std::string& parameter, Init init) {
  for (Parameter& own : parameters_) {
    if (own.name == parameter) {
      own.init = init;
      return;
    }
  }
  throw std::logic_error("set_init: no parameter " + parameter);
}

void Module::set_requires_grad(bool requires_grad) {
  for_each_parameter([&](const std::string&, at::Tensor& tensor) { tensor.set_requires_grad(requires_grad); });
}

void Module::place_frozen(at::Device device, at::ScalarType type) {
  for_each_parameter([&](const std::string&, at::Tensor& tensor) {
    if (!tensor.requires_grad()) tensor = in_device_layout(tensor.to(device, type));
  });
}

int64_t Module::parameter_count() const {
  int64_t count = 0;
  for_each_parameter([&](const std::string&, const at::Tensor& tensor) { count += tensor.numel(); });
  return count;
}

}  // namespace atelier

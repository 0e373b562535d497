#include <ATen/ATen.h>

#include <string>
#include <utility>
#include <vector>

#include "configs/base/hash.h"
#include "configs/base/random.h"
#include "configs/base/thread_pool.h"
#include "models/module.h"

namespace atelier {
namespace {

void draw(const Init& init, uint64_t key, at::Tensor& tensor) {
  float* data = tensor.data_ptr<float>();
  const auto scale = static_cast<float>(init.scale);
  switch (init.kind) {
    case Init::Kind::kConstant: tensor.fill_(scale); return;
    case Init::Kind::kUniform: fill_uniform(key, data, tensor.numel(), -scale, scale); return;
    case Init::Kind::kNormal:
      fill_normal(key, data, tensor.numel());
      tensor.mul_(scale);
      return;
  }
}

}  // namespace

void initialize(Module& module, uint64_t seed) {
  std::vector<std::pair<std::string, const Module::Parameter*>> all;
  module.visit_parameters(
      "", [&](const std::string& name, const Module::Parameter& parameter) { all.emplace_back(name, &parameter); });
  parallel_for(static_cast<int64_t>(all.size()), 0, [&](int64_t i) {
    const auto& [name, parameter] = all[i];
    at::Tensor values = at::empty(parameter->tensor->sizes(), at::kFloat);
    draw(parameter->init, random_key(seed, "init", {hash64(name)}), values);
    *parameter->tensor = values.set_requires_grad(parameter->tensor->requires_grad());
  });
}

}  // namespace atelier

#include "models/adapters/lora.h"

#include <ATen/ATen.h>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/weights/weights.h"

namespace atelier {
namespace {

constexpr std::string_view kDown = ".lora_down.weight", kUp = ".lora_up.weight", kAlpha = ".alpha";

/// What one module of a LoRA file holds.
struct LoraParts {
  const SafeTensorInfo *down = nullptr, *up = nullptr, *alpha = nullptr;
};

std::map<std::string, LoraParts> group_by_module(const SafetensorsFile& file) {
  std::map<std::string, LoraParts> modules;
  for (const SafeTensorInfo& info : file.tensors()) {
    const std::string_view key = info.name;
    if (key.ends_with(kDown)) {
      modules[std::string(key.substr(0, key.size() - kDown.size()))].down = &info;
    } else if (key.ends_with(kUp)) {
      modules[std::string(key.substr(0, key.size() - kUp.size()))].up = &info;
    } else if (key.ends_with(kAlpha)) {
      modules[std::string(key.substr(0, key.size() - kAlpha.size()))].alpha = &info;
    } else {
      throw WeightsError(text("\"", key, "\" is no part of a LoRA"), file.path().string(),
                         "wanted: lora_down.weight, lora_up.weight and alpha of each module, under kohya's names");
    }
  }
  if (modules.empty()) throw WeightsError("no adapters in this file", file.path().string());
  return modules;
}

at::Tensor read_float(const SafetensorsFile& file, const SafeTensorInfo& info) {
  return read_tensor(file, info).to(at::kFloat);
}

}  // namespace

Lora::Lora(const Projection& projection, int64_t rank, double alpha) : rank_(rank), alpha_(alpha) {
  std::vector<int64_t> down = projection.weight().sizes().vec();
  std::vector<int64_t> up(down.size(), 1);
  up[0] = down[0], up[1] = rank;
  down[0] = rank;
  int64_t fan_in = 1;
  for (size_t i = 1; i < down.size(); ++i) fan_in *= down[i];
  register_pair(std::move(down), std::move(up), fan_in);
}

Lora::Lora(at::Tensor down, at::Tensor up, double alpha) : rank_(down.size(0)), alpha_(alpha) {
  register_pair(down.sizes().vec(), up.sizes().vec(), down[0].numel());
  down_ = std::move(down);
  up_ = std::move(up);
}

void Lora::register_pair(std::vector<int64_t> down, std::vector<int64_t> up, int64_t fan_in) {
  add_parameter("lora_down.weight", down_, std::move(down), Init::fan_in(fan_in));
  add_parameter("lora_up.weight", up_, std::move(up), Init::constant(0));
}

double Lora::scale() const { return multiplier_ * alpha_ / static_cast<double>(rank_); }

at::Tensor Lora::adapted_weight(const at::Tensor& weight) const {
  const at::Tensor product = at::matmul(up_.flatten(1), down_.flatten(1)).view(weight.sizes());
  return weight + product.to(weight.scalar_type()) * scale();
}

at::Tensor Lora::delta(const Projection& projection, const ProjectionInput& input) const {
  const at::Tensor inner = projection.apply(input, down_, {}) * scale();  // the narrow tensor is the cheap one to scale
  return up_.dim() == 2 ? at::linear(inner, up_) : at::conv2d(inner, up_);
}

bool Lora::fits(const Projection& projection) const {
  const at::IntArrayRef weight = projection.weight().sizes();
  return down_.dim() == projection.weight().dim() && up_.dim() == down_.dim() && up_.size(0) == weight[0] &&
         up_.size(1) == rank_ && down_.sizes().slice(1) == weight.slice(1);
}

std::unique_ptr<LoraNetwork> LoraNetwork::load(const std::filesystem::path& path, double multiplier) {
  const SafetensorsFile file(path);
  auto network = std::make_unique<LoraNetwork>();
  for (const auto& [name, parts] : group_by_module(file)) {
    if (!parts.down || !parts.up || parts.down->shape.size() < 2 || parts.up->shape.size() < 2) {
      throw WeightsError(text("the adapter ", name, " lacks a matrix"), path.string());
    }
    const bool one_alpha = !parts.alpha || parts.alpha->shape.empty() || parts.alpha->shape == std::vector<int64_t>{1};
    if (parts.down->shape[0] < 1 || parts.up->shape[1] != parts.down->shape[0] || !one_alpha) {
      throw WeightsError(text("the matrices or the alpha of the adapter ", name, " do not go together"), path.string());
    }
    const auto rank = static_cast<double>(parts.down->shape[0]);
    const double alpha = parts.alpha ? read_float(file, *parts.alpha).item<double>() : rank;
    auto adapter = std::make_shared<Lora>(read_float(file, *parts.down), read_float(file, *parts.up), alpha);
    adapter->set_multiplier(multiplier);
    network->add(name, std::move(adapter));
  }
  return network;
}

void LoraNetwork::add(const std::string& name, std::shared_ptr<Lora> adapter) {
  add_child(name, *adapter);
  adapters_[name].adapter = std::move(adapter);
}

void LoraNetwork::inject(Module& model, const LoraNaming& naming, const NetworkOptions& options) {
  model.for_each_module([&](const std::string& path, Module& module) {
    auto* projection = dynamic_cast<Projection*>(&module);
    const std::optional<std::string> name = projection ? naming(path) : std::nullopt;
    if (!name) return;
    auto adapter = std::make_shared<Lora>(*projection, options.network_dim, options.network_alpha);
    projection->attach(adapter);
    add(*name, std::move(adapter));
    adapters_[*name].attached = true;
  });
}

int64_t LoraNetwork::attach(Module& model, const LoraNaming& naming) {
  int64_t count = 0;
  model.for_each_module([&](const std::string& path, Module& module) {
    auto* projection = dynamic_cast<Projection*>(&module);
    const std::optional<std::string> name = projection ? naming(path) : std::nullopt;
    const auto found = name ? adapters_.find(*name) : adapters_.end();
    if (found == adapters_.end()) return;
    if (!found->second.adapter->fits(*projection)) {
      throw WeightsError(text("the adapter ", *name, " has another shape than the model's ", path), "",
                         "the LoRA was made for another model");
    }
    projection->attach(found->second.adapter);
    found->second.attached = true;
    ++count;
  });
  return count;
}

std::vector<std::string> LoraNetwork::unattached() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : adapters_) {
    if (!entry.attached) names.push_back(name);
  }
  return names;
}

void LoraNetwork::save(const std::filesystem::path& file, SafeDtype dtype,
                       const std::map<std::string, std::string>& metadata) const {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  const at::ScalarType type = scalar_type(dtype);
  for (const auto& [name, entry] : adapters_) {
    tensors.emplace_back(text(name, kAlpha), at::scalar_tensor(entry.adapter->alpha(), type));
    entry.adapter->for_each_parameter([&](const std::string& parameter, const at::Tensor& tensor) {
      tensors.emplace_back(text(name, '.', parameter), tensor.detach().to(at::kCPU, type));
    });
  }
  write_tensors(file, tensors, metadata);
}

}  // namespace atelier

#include "models/adapters/adapter_network.h"

#include <ATen/ATen.h>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/adapters/adapter_kinds.h"
#include "models/weights/write_tensor_sources.h"

namespace atelier {
namespace {

/// Calls `visit` for every projection that files have a name for.
template <typename Visit>
void for_each_place(Module& model, const LoraNaming& naming, const Visit& visit) {
  model.for_each_module([&](const std::string& path, Module& module) {
    auto* projection = dynamic_cast<Projection*>(&module);
    const std::optional<AdapterPlace> place = projection ? naming(path) : std::nullopt;
    if (place) visit(path, *place, *projection);
  });
}

bool is_target(const AdapterPlace& place, const NetworkOptions& options) {
  if (place.target == AdapterPlace::Target::kResnet) return effective_conv_dim(options) > 0;
  return place.target == AdapterPlace::Target::kTransformer;
}

/// As sd-scripts and LyCORIS: conv_dim is for kernels, 1x1 convolutions are like linear layers.
AdapterSize size_for(at::IntArrayRef weight_shape, const NetworkOptions& options) {
  if (!is_spatial(weight_shape) || effective_conv_dim(options) == 0) {
    return {options.network_dim, options.network_alpha, options.factor};
  }
  return {effective_conv_dim(options), effective_conv_alpha(options), options.factor};
}

}  // namespace

std::unique_ptr<AdapterNetwork> AdapterNetwork::load(const std::filesystem::path& path, double multiplier) {
  auto network = std::make_unique<AdapterNetwork>();
  network->file_ = std::make_unique<AdapterFile>(path);
  for (const auto& [id, name] : network->file_->modules()) {
    network->loaded_[id] = {name, network->file_->read(id)};
    network->loaded_[id].adapter->set_multiplier(multiplier);
  }
  return network;
}

void AdapterNetwork::place(const std::string& name, std::shared_ptr<NetworkAdapter> adapter, Projection& projection) {
  add_child(name, *adapter);
  projection.attach(adapter);
  adapters_[name] = {std::move(adapter), &projection};
}

void AdapterNetwork::inject(Module& model, const LoraNaming& naming, const NetworkOptions& options) {
  const AdapterKind& kind = adapter_kind(options.algo);
  for_each_place(model, naming, [&](const std::string&, const AdapterPlace& target, Projection& projection) {
    if (!is_target(target, options)) return;
    const at::IntArrayRef shape = projection.weight().sizes();
    std::shared_ptr<NetworkAdapter> adapter = kind.make(shape, size_for(shape, options));
    if (decomposes_weight(options)) adapter->decompose(shape);
    place(target.name, std::move(adapter), projection);
  });
}

void AdapterNetwork::initialize_adapters(uint64_t seed) {
  const at::NoGradGuard no_grad;
  initialize(*this, seed);
  for (auto& [name, entry] : adapters_) entry.adapter->begin_at(entry.projection->weight());
}

int64_t AdapterNetwork::attach(Module& model, const LoraNaming& naming) {
  int64_t count = 0;
  for_each_place(model, naming, [&](const std::string& path, const AdapterPlace& target, Projection& projection) {
    const std::string* id = file_ ? file_->find(target) : nullptr;
    const auto found = id ? loaded_.find(*id) : loaded_.end();
    if (found == loaded_.end()) return;
    const Loaded& loaded = found->second;
    if (!loaded.adapter->fits(projection)) {
      throw_misfit(loaded.name, *loaded.adapter, path, projection.weight().sizes(), file_->path().string());
    }
    place(target.name, loaded.adapter, projection);
    loaded_.erase(found);
    ++count;
  });
  return count;
}

std::vector<std::string> AdapterNetwork::unattached() const {
  std::vector<std::string> names;
  for (const auto& [id, loaded] : loaded_) names.push_back(loaded.name);
  return names;
}

void AdapterNetwork::save(const std::filesystem::path& file, SafeDtype dtype,
                          const std::map<std::string, std::string>& metadata) const {
  std::vector<TensorSource> tensors;
  for (const auto& [name, entry] : adapters_) {
    for (const auto& [tensor, values] : entry.adapter->file_tensors()) {
      tensors.push_back(tensor_at_hand(values, text(name, '.', tensor)));
    }
  }
  WriteOptions options;
  options.dtype = dtype;
  options.metadata = metadata;
  write_tensor_sources(file, std::move(tensors), options);
}

std::vector<std::pair<std::string, at::Tensor>> AdapterNetwork::constants() const {
  std::vector<std::pair<std::string, at::Tensor>> alphas;
  for (const auto& [name, entry] : adapters_) {
    alphas.emplace_back(name + ".alpha", at::scalar_tensor(entry.adapter->alpha(), at::kFloat));
  }
  return alphas;
}

}  // namespace atelier

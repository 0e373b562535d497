// The kinds of adapters: how each is made for a weight, and how it is known and read in a file.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string_view>

#include "models/adapters/network_adapter.h"

namespace atelier {

struct AdapterKind {
  std::string_view algo;    // network.algo
  std::string_view prefix;  // of the names of its tensors, by which it is known in a file
  std::shared_ptr<NetworkAdapter> (*make)(at::IntArrayRef weight_shape, const AdapterSize& size);
  std::shared_ptr<NetworkAdapter> (*read)(const AdapterParts& parts);
};

/// REQUIRES one of network.algo's choices.
const AdapterKind& adapter_kind(std::string_view algo);

/// The adapter of a file's module. WeightsError for tensors that do not make one.
std::shared_ptr<NetworkAdapter> read_adapter(const AdapterParts& parts);

}  // namespace atelier

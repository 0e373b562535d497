#include "models/adapters/adapter_kinds.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/adapters/loha.h"
#include "models/adapters/lokr.h"
#include "models/adapters/lora.h"

namespace atelier {
namespace {

template <typename Kind>
std::shared_ptr<NetworkAdapter> make_adapter(at::IntArrayRef weight_shape, const AdapterSize& size) {
  return std::make_shared<Kind>(weight_shape, size);
}

template <typename Kind>
std::shared_ptr<NetworkAdapter> read_kind(const AdapterParts& parts) {
  return std::make_shared<Kind>(parts);
}

// locon and dora are lora on more layers, and decomposed; in a file they are known by its tensors.
constexpr std::array kAdapterKinds = {
    AdapterKind{"lora", "lora_", make_adapter<Lora>, read_kind<Lora>},
    AdapterKind{"locon", "lora_", make_adapter<Lora>, read_kind<Lora>},
    AdapterKind{"dora", "lora_", make_adapter<Lora>, read_kind<Lora>},
    AdapterKind{"loha", "hada_", make_adapter<Loha>, read_kind<Loha>},
    AdapterKind{"lokr", "lokr_", make_adapter<Lokr>, read_kind<Lokr>},
};

bool is_of(const AdapterKind& kind, const AdapterParts& parts) {
  return std::any_of(parts.tensors.begin(), parts.tensors.end(),
                     [&](const auto& tensor) { return tensor.first.starts_with(kind.prefix); });
}

}  // namespace

const AdapterKind& adapter_kind(std::string_view algo) {
  for (const AdapterKind& kind : kAdapterKinds) {
    if (kind.algo == algo) return kind;
  }
  throw std::logic_error("adapter_kind: an algo that has no kind");
}

std::shared_ptr<NetworkAdapter> read_adapter(const AdapterParts& parts) {
  const AdapterKind* found = nullptr;
  for (const AdapterKind& kind : kAdapterKinds) {
    if ((found && kind.prefix == found->prefix) || !is_of(kind, parts)) continue;
    parts.require(!found);  // tensors of two kinds
    found = &kind;
  }
  if (!found) throw WeightsError(text("the adapter ", parts.module, " has no factors"), parts.file);
  return found->read(parts);
}

}  // namespace atelier

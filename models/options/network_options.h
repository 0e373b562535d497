// The `network:` section: what is trained beside the frozen weights.
#pragma once

#include <cstdint>
#include <string>

#include "configs/schema/field.h"

namespace atelier {

struct NetworkOptions {
  std::string algo = "lora";
  int64_t network_dim = 16;
  double network_alpha = 8;
  bool network_train_unet_only = true;
};

inline void describe(Section& section, NetworkOptions& options) {
  section.field("algo", options.algo).choices({"lora"}).doc("Kind of adapter.");
  section.field("network_dim", options.network_dim).range(1, 4096).doc("Rank of every adapter.");
  section.field("network_alpha", options.network_alpha)
      .range(1e-6, 1e6)
      .doc("The adapters' output is scaled by network_alpha / network_dim.");
  section.field("network_train_unet_only", options.network_train_unet_only)
      .doc("Adapters in the UNet alone; false: in both text encoders too.");
}

}  // namespace atelier

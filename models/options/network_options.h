// The `network:` section: what is trained beside the frozen weights.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "configs/schema/field.h"

namespace atelier {

struct NetworkOptions {
  std::string algo = "lora";
  int64_t network_dim = 16;
  double network_alpha = 8;
  std::optional<int64_t> conv_dim = {};
  std::optional<double> conv_alpha = {};
  int64_t factor = -1;
  bool dora_wd = false;
  bool network_train_unet_only = true;
  std::optional<std::string> network_weights = {};
};

void describe(Section& section, NetworkOptions& options);

/// The rank of adapters of 3x3 convolutions; 0: the ResNet blocks have no adapters.
int64_t effective_conv_dim(const NetworkOptions& options);
double effective_conv_alpha(const NetworkOptions& options);
/// Whether a magnitude is trained beside the direction (DoRA).
bool decomposes_weight(const NetworkOptions& options);

/// What distinguishes the adapters of one run from those of another, in one line.
std::string network_summary(const NetworkOptions& options);
/// sd-scripts' ss_network_* keys of a product file; none where the adapters are a file's.
std::map<std::string, std::string> network_metadata(const NetworkOptions& options);

}  // namespace atelier

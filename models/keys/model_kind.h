// What a weight file is, told from the names of its tensors.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "configs/base/safetensors.h"

namespace atelier {

/// A kind as `model inspect --json` names it, and as people do.
struct ModelKind {
  std::string id;     // "sdxl-checkpoint", "lora", "unet", ...; "unknown"
  std::string label;  // "SDXL checkpoint, single file (sgm)"
};

ModelKind guess_kind(const SafetensorsFile& file);

/// The ranks that occur among a LoRA's adapters, rising; empty for other files.
std::vector<int64_t> adapter_ranks(const SafetensorsFile& file);

}  // namespace atelier

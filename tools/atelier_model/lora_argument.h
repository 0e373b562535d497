// --lora FILE[:WEIGHT] of `sample` and `model eval`.
#pragma once

#include <c10/core/Device.h>

#include <string>
#include <vector>

#include "models/pipeline/lora_targets.h"

namespace atelier {

struct LoraArgument {
  std::string file;
  double weight = 1;
};

/// ConfigError for a weight that is NaN or infinite.
LoraArgument parse_lora(const std::string& argument);

/// "FILE: 12 WHAT: a, b, ..." as a warning; nothing where there are no names.
void warn_unused(const std::string& file, const std::string& what, const std::vector<std::string>& names);

/// Puts the file's adapters, in fp32 on `device`, into `targets`. WeightsError if none fits, a warning naming those
/// that have no place and the tensors that are not understood.
void attach_lora(const LoraArgument& argument, const std::vector<LoraTarget>& targets, at::Device device);

}  // namespace atelier

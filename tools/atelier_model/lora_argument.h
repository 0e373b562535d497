// --lora FILE[:WEIGHT] of `sample` and `model eval`.
#pragma once

#include <c10/core/Device.h>

#include <string>
#include <vector>

#include "models/adapters/lora.h"

namespace atelier {

struct LoraArgument {
  std::string file;
  double weight = 1;
};

LoraArgument parse_lora(const std::string& argument);

/// A part of a model that adapters may belong to.
struct LoraTarget {
  Module* model;
  LoraNaming naming;
};

/// Puts the file's adapters, in fp32 on `device`, into `targets`. WeightsError if none fits, a warning if some do not.
void attach_lora(const LoraArgument& argument, const std::vector<LoraTarget>& targets, at::Device device);

}  // namespace atelier

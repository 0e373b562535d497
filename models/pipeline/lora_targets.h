// Which parts of a model adapters belong to.
#pragma once

#include <vector>

#include "models/keys/adapter_names.h"

namespace atelier {

class Module;
class StableDiffusionXL;

struct LoraTarget {
  Module* model;
  LoraNaming naming;
};

/// The parts of `model` that are there, in forward order: the text encoders, the UNet. They point into it.
std::vector<LoraTarget> lora_targets(StableDiffusionXL& model);

}  // namespace atelier

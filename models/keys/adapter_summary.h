// What an adapter file (LoRA and its kin) holds, told from the names and shapes of its tensors.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "configs/base/safetensors.h"

namespace atelier {

struct AdapterSummary {
  std::string algorithm;  // "lora", "locon", "loha", "lokr", "oft", "diff", "dora"; of several the most telling one
  std::string naming;     // "kohya", "peft", "diffusers"
  std::string family;     // the model it was made for (ModelKind::family); empty where that cannot be told
  int64_t modules = 0;
  std::map<std::string, int64_t> algorithms;  // modules by algorithm ("conv" apart from "lora")
  std::map<std::string, int64_t> components;  // modules by part: "unet", "text_encoder", "text_encoder_2"
  std::map<int64_t, int64_t> ranks;           // modules by rank
  std::map<double, int64_t> alphas;           // modules by alpha; those without one are not counted

  bool empty() const { return modules == 0; }
};

/// Empty for a file without adapters.
AdapterSummary adapter_summary(const SafetensorsFile& file);

}  // namespace atelier

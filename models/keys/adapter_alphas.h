// The alphas that PEFT and diffusers keep beside an adapter's tensors rather than among them. No torch.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "configs/base/safetensors.h"

namespace atelier {

/// Of diffusers' metadata ("lora_adapter_metadata"), or of PEFT's adapter_config.json beside the file.
class AdapterAlphas {
 public:
  /// WeightsError for JSON that is none.
  explicit AdapterAlphas(const SafetensorsFile& file);

  /// For a module of `rank`, as the file names it ("unet.down_blocks.1.attentions.0.proj_in"); nullopt: not told.
  std::optional<double> find(const std::string& module, int64_t rank) const;
  /// What factors without a rank are scaled by: LoKr of two whole ones, for which PEFT takes its alpha / r as well. 1
  /// where nothing is told.
  double whole_scale(const std::string& module) const;

 private:
  /// One model's configuration.
  struct Table {
    std::string prefix;  // of the modules that it is about: "unet."
    std::optional<double> alpha, rank;
    std::vector<std::pair<std::string, double>> patterns;  // ends of paths with an alpha of their own
    bool rank_stabilised = false;                          // scale = alpha / sqrt(rank)
  };

  const Table* table_of(const std::string& module) const;

  std::vector<Table> tables_;
};

}  // namespace atelier

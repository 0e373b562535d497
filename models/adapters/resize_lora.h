// A LoRA file at another rank, module by module.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "configs/base/safetensors.h"
#include "models/adapters/low_rank.h"
#include "models/keys/adapter_alphas.h"

namespace atelier {

/// One module anew. alpha / rank is what it was.
struct ResizedModule {
  std::string name;                                         // as the file names it
  std::vector<std::pair<std::string, at::Tensor>> tensors;  // under the file's names, fp32
  int64_t old_rank = 0, rank = 0;
  double alpha = 0;
  bool spatial = false;  // of a convolution with a kernel
  double kept = 1;       // of the Frobenius norm of the difference it makes; 1 for a matrix of zeros
};

class LoraResize {
 public:
  /// Reads the header alone. WeightsError for other adapters than LoRA (of convolutions too): LoHa, LoKr, DoRA, Tucker
  /// forms; and for what holds no adapters.
  explicit LoraResize(const std::filesystem::path& path);

  const SafetensorsFile& file() const { return file_; }
  int64_t size() const { return static_cast<int64_t>(modules_.size()); }
  /// REQUIRES 0 <= i < size(). `conv`: of convolutions with a kernel. Ranks never grow. WeightsError for tensors that
  /// do not go together, or hold NaN or infinity.
  ResizedModule resize(int64_t i, const RankChoice& choice, const RankChoice& conv) const;

 private:
  struct Parts {
    std::string name;
    const SafeTensorInfo *down = nullptr, *up = nullptr, *alpha = nullptr;
  };

  SafetensorsFile file_;
  AdapterAlphas alphas_;
  std::vector<Parts> modules_;
};

/// Metadata for the resized file: sd-scripts' ss_network_dim and ss_network_alpha ("Dynamic" where modules differ), the
/// same of convolutions in ss_network_args, a line in ss_training_comment; without hashes, and without diffusers' table
/// of alphas, which are in the tensors now.
std::map<std::string, std::string> resized_metadata(std::map<std::string, std::string> metadata,
                                                    const std::vector<ResizedModule>& modules);

}  // namespace atelier

// The difference of two models as a LoRA, module by module, from checkpoints as they lie on disk.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/adapters/low_rank.h"
#include "models/weights/stored_pipeline.h"

namespace atelier {

/// In the words of sd-scripts' extract_lora_from_models.py (--dim, --conv_dim).
struct ExtractOptions {
  int64_t rank = 16;
  int64_t conv_rank = 0;         // of 3x3 convolutions; 0: the ResNet blocks have no adapters
  double clamp_quantile = 0.99;  // clamp_to_quantile()
  double min_diff = 0.01;        // a text encoder none of whose weights differs by more counts as equal
};

/// One adapter whose alpha is its rank.
struct ExtractedModule {
  std::string name;     // kohya's
  LoraFactors factors;  // fp32; of a convolution [rank, in, kh, kw] and [out, rank, 1, 1]
  double wanted = 0;    // squared Frobenius norm of the difference,
  double error = 0;     // and of what the LoRA lacks of it
};

/// What the LoRA of `tuned` over `base` consists of. Tensors are read when they are needed, in pairs; both pipelines
/// must outlive this.
class LoraExtraction {
 public:
  /// Compares the text encoders. WeightsError naming a tensor where the models are not of one architecture.
  LoraExtraction(const StoredPipeline& base, const StoredPipeline& tuned, const ExtractOptions& options);

  /// Modules to look at.
  int64_t size() const { return static_cast<int64_t>(pairs_.size()); }
  /// REQUIRES 0 <= i < size(). nullopt: the weights are equal.
  std::optional<ExtractedModule> extract(int64_t i) const;
  /// Text encoders that count as equal.
  const std::vector<Part>& equal_parts() const { return equal_parts_; }

 private:
  struct Pair {
    const TensorSource *base, *tuned;
    std::string name;
    int64_t rank;
  };

  std::vector<Pair> pairs_of(const StoredPipeline& base, const StoredPipeline& tuned, Part part) const;
  bool differs(const std::vector<Pair>& pairs) const;

  ExtractOptions options_;
  std::vector<Pair> pairs_;
  std::vector<Part> equal_parts_;
};

}  // namespace atelier

// LoKr: the Kronecker product of a small factor and a large one that may itself be of low rank, as LyCORIS has it (Yeh
// et al., "Navigating Text-To-Image Customization: From LyCORIS Fine-Tuning to Model Evaluation", 2024).
#pragma once

#include <cstdint>
#include <utility>

#include "models/adapters/low_rank_factor.h"
#include "models/adapters/network_adapter.h"

namespace atelier {

/// dW = w1 (x) w2 * alpha / rank; where both factors are whole there is no rank, and alpha does not count. Begins at
/// zero (w2).
class Lokr : public NetworkAdapter {
 public:
  /// For a weight of this shape, without values yet. The small factor is whole; the large one too where `rank` would
  /// not make it smaller.
  Lokr(at::IntArrayRef weight_shape, const AdapterSize& size);
  explicit Lokr(const AdapterParts& parts);

  at::Tensor difference(at::IntArrayRef weight_shape) const override;
  std::string shape_text() const override;

 protected:
  bool factors_fit(at::IntArrayRef weight_shape) const override;
  std::string scaled_parameter() const override;

 private:
  /// A factor, whole or as a product.
  struct Factor {
    at::Tensor whole;       // [o, i] or [o, i, kh, kw]; undefined where it is a product
    LowRankFactor product;  // else

    int64_t outputs() const;
    int64_t inputs() const;  // of all kernel positions together
    at::Tensor value() const;
  };

  static int64_t file_rank(const AdapterParts& parts);
  void own_factor(const std::string& name, Factor& factor, const AdapterParts& parts);

  Factor first_, second_;
};

/// LyCORIS' rule: m * n == dimension, m <= n. `factor` itself (or its counterpart) where it divides; else the pair of
/// the least sum whose m is at most `factor`; factor -1: no such bound.
std::pair<int64_t, int64_t> kronecker_sides(int64_t dimension, int64_t factor);

}  // namespace atelier

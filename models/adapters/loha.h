// LoHa: the entry-wise product of two low-rank products (Hyeon-Woo et al., "FedPara: Low-Rank Hadamard Product for
// Communication-Efficient Federated Learning", 2022), in LyCORIS' tensors.
#pragma once

#include "models/adapters/low_rank_factor.h"
#include "models/adapters/network_adapter.h"

namespace atelier {

/// dW = (w1_a w1_b) o (w2_a w2_b) * alpha / rank; begins at zero (w2_a). Files may have a Tucker form for convolutions.
class Loha : public NetworkAdapter {
 public:
  /// For a weight of this shape, without values yet.
  Loha(at::IntArrayRef weight_shape, const AdapterSize& size);
  explicit Loha(const AdapterParts& parts);

  at::Tensor difference(at::IntArrayRef weight_shape) const override;
  std::string shape_text() const override;

 protected:
  bool factors_fit(at::IntArrayRef weight_shape) const override;
  std::string scaled_parameter() const override;

 private:
  LowRankFactor first_, second_;
};

}  // namespace atelier

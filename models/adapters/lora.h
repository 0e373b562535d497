// LoRA (Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021), and of convolutions what LyCORIS calls
// LoCon: the layer's own kernel into few channels, then 1x1 out of them.
#pragma once

#include "models/adapters/network_adapter.h"

namespace atelier {

/// y += up(down(x)) * alpha / rank; down is drawn as a linear layer's weight is, up starts at zero. Files may have a
/// Tucker form of it: 1x1 down, mid with the kernel, 1x1 up.
class Lora : public NetworkAdapter {
 public:
  /// For a weight of this shape, without values yet.
  Lora(at::IntArrayRef weight_shape, const AdapterSize& size);
  explicit Lora(const AdapterParts& parts);

  at::Tensor difference(at::IntArrayRef weight_shape) const override;
  at::Tensor delta(const Projection& projection, const ProjectionInput& input) const override;
  std::string shape_text() const override;
  bool adds_rows() const override { return !mid_.defined() && !decomposes(); }
  void add_to_rows(at::Tensor& rows, int64_t first) const override;

 protected:
  at::Tensor sum_with(const at::Tensor& weight) const override;
  bool factors_fit(at::IntArrayRef weight_shape) const override;
  bool has_delta() const override { return !mid_.defined(); }

 private:
  at::Tensor down_;  // [rank, in] or [rank, in, kh, kw]
  at::Tensor up_;    // [out, rank] or [out, rank, 1, 1]
  at::Tensor mid_;   // [rank, rank, kh, kw], undefined but in Tucker form
};

}  // namespace atelier

// A fixed linear autoencoder without weights: what makes a model of some million parameters learn to draw on a CPU.
#pragma once

#include <cstdint>

#include "models/autoencoder/autoencoder.h"

namespace atelier {

/// Each 8x8 block, in YCbCr, becomes its six lowest luma frequencies and the mean of both chromas, standardised by
/// fixed constants: 128 px -> [8, 16, 16]. decode() is the pseudo-inverse, so decode(encode(x)) drops the high
/// frequencies and encode(decode(z)) equals z.
///
/// Channels: Y at (v, u) = (0,0) (0,1) (1,0) (2,0) (1,1) (0,2) in the zigzag order of JPEG, Cb (0,0), Cr (0,0); v
/// counts half-periods downwards, u to the right. The transform is the orthonormal type-II DCT (scipy.fft.dctn,
/// norm="ortho") of pixels in -1..1, the colours those of JFIF (ITU-R BT.601, full range).
class DctAutoencoder final : public Autoencoder {
 public:
  static constexpr int64_t kBlock = 8;
  static constexpr int64_t kChannels = 8;

  DctAutoencoder();

  LatentDistribution posterior(const at::Tensor& pixels) const override;
  at::Tensor decode(const at::Tensor& latents) const override;
  void place(at::Device, at::ScalarType) override {}  // its constants follow what they are applied to
  int64_t channels() const override { return kChannels; }
  int64_t factor() const override { return kBlock; }
  std::string_view class_name() const override { return "DctAutoencoder"; }

 private:
  at::Tensor analysis_;          // [8, 3, 8, 8], standardised
  at::Tensor bias_;              // [8]
  at::Tensor synthesis_;         // [8, 3, 8, 8]
  at::Tensor mean_, deviation_;  // [8, 1, 1]
};

}  // namespace atelier

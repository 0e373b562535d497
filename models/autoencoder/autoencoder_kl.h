// SDXL's VAE: diffusers' AutoencoderKL, under its state-dict names.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "configs/base/safetensors.h"
#include "models/autoencoder/autoencoder.h"
#include "models/autoencoder/vae_blocks.h"
#include "models/layers/projection.h"
#include "models/module.h"
#include "models/options/vae_options.h"

namespace atelier {

/// It is never trained, and computes in a type of its own. With `force_upcast` (SDXL's VAE overflows in fp16) that is
/// fp32, or away from the CPU bf16 where the rest of the model is bf16; without, the type of the rest.
///
/// A result that is not finite is never returned: what ran in half precision is computed again, and from then on, in
/// fp32, with a warning; in fp32 it is a WeightsError. To look, the host waits for the device. Encoding in fp32 or
/// bf16, which overflow only with broken weights, is therefore looked at the first time alone on a GPU: training does
/// not wait at every step.
///
/// Not for several threads at once.
class AutoencoderKL final : public Module, public Autoencoder {
 public:
  explicit AutoencoderKL(const AutoencoderKLOptions& options);

  /// `folder`: config.json and safetensors, as diffusers writes them; older names of the attention's weights are read
  /// too. WeightsError.
  static std::unique_ptr<AutoencoderKL> from_pretrained(const std::filesystem::path& folder);
  /// config.json and diffusion_pytorch_model.safetensors. `dtype`: kF32, kF16 or kBF16.
  void save_pretrained(const std::filesystem::path& folder, SafeDtype dtype) const;

  struct Moments {
    at::Tensor mean;    // [B, latent_channels, H/f, W/f] fp32, not scaled
    at::Tensor logvar;  // the same, within -30..20
  };
  /// diffusers' encode().latent_dist. H and W are at least f; what does not divide is cut. Differentiable.
  Moments moments(const at::Tensor& pixels /*[B, in_channels, H, W]*/) const;
  /// diffusers' decode(): [B, out_channels, h*f, w*f] fp32. Differentiable.
  at::Tensor decode_unscaled(const at::Tensor& latents /*[B, latent_channels, h, w]*/) const;

  LatentDistribution posterior(const at::Tensor& pixels) const override;
  at::Tensor decode(const at::Tensor& latents) const override;

  void place(at::Device device, at::ScalarType type) override;
  /// What it computes in now.
  at::ScalarType compute_type() const { return overflowed_ ? at::kFloat : type_; }

  /// What is encoded or decoded in one piece: a batch of more is cut into samples, a sample of more into tiles.
  void set_most_pixels(int64_t pixels) { most_pixels_ = pixels; }
  /// One sample at a time, whatever its size.
  void enable_slicing(bool enabled = true) { slicing_ = enabled; }
  /// Tiles as large as sample_size wherever a side is longer (models/autoencoder/tiling.h).
  void enable_tiling(bool enabled = true) { tiling_ = enabled; }

  const AutoencoderKLOptions& options() const { return options_; }
  /// The weights as they were loaded, whatever place() made of them.
  const Module& weights() const { return exact_ ? *exact_ : *this; }
  int64_t channels() const override { return options_.latent_channels; }
  int64_t factor() const override { return options_.factor(); }
  std::string_view class_name() const override { return "AutoencoderKL"; }

 private:
  enum class Half { kEncoder, kDecoder };

  at::Tensor run(Half half, const at::Tensor& input) const;  // the network, once
  at::Tensor run_in_parts(const AutoencoderKL& network, Half half, const at::Tensor& input) const;
  at::Tensor run_checked(Half half, const at::Tensor& input) const;  // fp32 and finite
  bool is_looked_at(Half half) const;
  /// `input` gave what is not finite: the next attempt is in fp32, or there is none.
  void fall_back(Half half, const at::Tensor& input) const;

  AutoencoderKLOptions options_;
  std::string source_ = "AutoencoderKL";  // for errors
  VaeEncoder encoder_;
  std::unique_ptr<Conv2d> quant_conv_;       // absent without use_quant_conv
  std::unique_ptr<Conv2d> post_quant_conv_;  // likewise
  VaeDecoder decoder_;
  at::Tensor shift_, scale_;  // [1, 1 or latent_channels, 1, 1]: scaled = (latents - shift) * scale
  int64_t most_pixels_ = 2048 * 2048;
  bool slicing_ = false, tiling_ = false;

  at::Device device_ = at::kCPU;
  at::ScalarType type_ = at::kFloat;
  /// The weights as they were loaded, where these are of a lower type: what is saved, and what an overflow falls back
  /// to.
  std::unique_ptr<AutoencoderKL> exact_;
  mutable bool overflowed_ = false;        // exact_ computes, from the device
  mutable bool encoder_is_sound_ = false;  // it has been looked at
};

}  // namespace atelier

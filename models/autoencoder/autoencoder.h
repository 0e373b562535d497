// Between pixels and the latents that the UNet works on.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

namespace atelier {

class Autoencoder {
 public:
  virtual ~Autoencoder() = default;

  /// Scaled latents [B, C, H/f, W/f], about standard normal, of `pixels` [B, 3, H, W] in -1..1 (sRGB). H and W are
  /// multiples of f = factor().
  virtual at::Tensor encode(const at::Tensor& pixels) const = 0;
  /// Pixels [B, 3, h*f, w*f], not clamped, of `latents` [B, C, h, w].
  virtual at::Tensor decode(const at::Tensor& latents) const = 0;
  /// C.
  virtual int64_t channels() const = 0;
  /// Pixels a latent, along each side.
  virtual int64_t factor() const = 0;
  /// diffusers' or our class name, as `vae/config.json` holds it.
  virtual std::string_view class_name() const = 0;
};

/// `vae` is "dct", or a folder whose config.json names the class. WeightsError for a class that is not implemented.
std::unique_ptr<Autoencoder> make_autoencoder(const std::filesystem::path& vae);

/// Writes `config.json` (and weights, where there are any) into `folder`.
void save_autoencoder(const Autoencoder& autoencoder, const std::filesystem::path& folder);

}  // namespace atelier

// Between pixels and the latents that the UNet works on.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

namespace atelier {

/// What an encoder answers: a normal distribution for every latent, scaled so that latents are about standard normal.
struct LatentDistribution {
  at::Tensor mean;       // [B, C, H/f, W/f]
  at::Tensor deviation;  // the same; undefined: 0, the encoder is certain
};

/// Tensors in and out are fp32, on the device it is placed on; what it computes in is its own choice.
class Autoencoder {
 public:
  virtual ~Autoencoder() = default;

  /// Of `pixels` [B, 3, H, W] in -1..1 (sRGB). H and W are multiples of f = factor().
  virtual LatentDistribution posterior(const at::Tensor& pixels) const = 0;
  /// The most probable latents [B, C, H/f, W/f], scaled.
  at::Tensor encode(const at::Tensor& pixels) const { return posterior(pixels).mean; }
  /// Pixels [B, 3, h*f, w*f], not clamped, of scaled `latents` [B, C, h, w].
  virtual at::Tensor decode(const at::Tensor& latents) const = 0;

  /// Moves the weights. `type`: what the rest of the model computes in.
  virtual void place(at::Device device, at::ScalarType type) = 0;

  /// C.
  virtual int64_t channels() const = 0;
  /// f: pixels a latent, along each side.
  virtual int64_t factor() const = 0;
  /// diffusers' or our class name, as `vae/config.json` holds it.
  virtual std::string_view class_name() const = 0;
};

/// `vae` is "dct", or a folder whose config.json names the class. With a `seed`, a folder without weights gives random
/// ones. WeightsError for a class that is not implemented, and for weights that are missing or do not fit.
std::unique_ptr<Autoencoder> make_autoencoder(const std::filesystem::path& vae, std::optional<uint64_t> seed = {});

}  // namespace atelier

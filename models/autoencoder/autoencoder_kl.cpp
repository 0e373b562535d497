#include "models/autoencoder/autoencoder_kl.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/log.h"
#include "configs/base/text.h"
#include "models/autoencoder/tiling.h"
#include "models/keys/key_map.h"
#include "models/keys/single_file_keys.h"
#include "models/weights/weights.h"

namespace atelier {
namespace {

/// Of the moments' second half, before anything is made of it (diffusers' DiagonalGaussianDistribution).
constexpr double kLeastLogvar = -30, kMostLogvar = 20;

at::Tensor per_channel(const std::vector<double>& values) {  // [1, C, 1, 1]
  return at::tensor(values, at::kDouble).view({1, -1, 1, 1});
}

/// Every parameter of `to` becomes the one of `from`.
void share_parameters(const Module& from, Module& to) {
  std::vector<at::Tensor> tensors;
  from.for_each_parameter(
      Module::ConstVisit([&](const std::string&, const at::Tensor& tensor) { tensors.push_back(tensor); }));
  auto next = tensors.begin();
  to.for_each_parameter(Module::Visit([&](const std::string&, at::Tensor& tensor) { tensor = *next++; }));
}

}  // namespace

AutoencoderKL::AutoencoderKL(const AutoencoderKLOptions& options)
    : options_(options), encoder_(options), decoder_(options) {
  const int64_t channels = options.latent_channels;
  add_child("encoder", encoder_);
  if (options.use_quant_conv) {
    quant_conv_ = std::make_unique<Conv2d>(2 * channels, 2 * channels, 1);
    add_child("quant_conv", *quant_conv_);
  }
  if (options.use_post_quant_conv) {
    post_quant_conv_ = std::make_unique<Conv2d>(channels, channels, 1);
    add_child("post_quant_conv", *post_quant_conv_);
  }
  add_child("decoder", decoder_);
  const bool standardised = !options.latents_std.empty();
  shift_ = per_channel(standardised ? options.latents_mean : std::vector<double>{0}).to(at::kFloat);
  const at::Tensor deviation = per_channel(standardised ? options.latents_std : std::vector<double>{1});
  scale_ = (options.scaling_factor / deviation).to(at::kFloat);
}

std::unique_ptr<AutoencoderKL> AutoencoderKL::from_pretrained(const std::filesystem::path& folder) {
  auto model = std::make_unique<AutoencoderKL>(read_vae_options(folder));
  load_weights(*model, folder, current_vae_name);
  model->source_ = folder.string();
  return model;
}

void AutoencoderKL::save_pretrained(const std::filesystem::path& folder, SafeDtype dtype) const {
  std::filesystem::create_directories(folder);
  write_file_atomically(folder / "config.json", vae_config_json(options_));
  save_weights(weights(), folder / weights_file_name(Part::kVae), dtype, {{"format", "pt"}});
}

void AutoencoderKL::place(at::Device device, at::ScalarType type) {
  if (exact_) share_parameters(*exact_, *this);
  exact_.reset();
  overflowed_ = encoder_is_sound_ = false;
  device_ = device;
  type_ = options_.force_upcast && (type == at::kHalf || device.is_cpu()) ? at::kFloat : type;
  if (type_ != at::kFloat) {
    exact_ = std::make_unique<AutoencoderKL>(options_);
    share_parameters(*this, *exact_);
  }
  place_frozen(device_, type_);
  shift_ = shift_.to(device_);
  scale_ = scale_.to(device_);
}

at::Tensor AutoencoderKL::run(Half half, const at::Tensor& input) const {
  const at::Tensor typed = input.to(type_);
  if (half == Half::kEncoder) {
    const at::Tensor encoded = encoder_.forward(typed);
    return quant_conv_ ? quant_conv_->forward(encoded) : encoded;
  }
  return decoder_.forward(post_quant_conv_ ? post_quant_conv_->forward(typed) : typed);
}

at::Tensor AutoencoderKL::run_in_parts(const AutoencoderKL& network, Half half, const at::Tensor& input) const {
  // Tiles lie together only if three quarters of one are whole latents.
  const int64_t unit = 4 * factor(), side = std::max<int64_t>(options_.sample_size / unit, 1) * unit;
  const bool decodes = half == Half::kDecoder;
  const TileShape shape = decodes ? TileShape{side / factor(), side} : TileShape{side, side / factor()};
  const int64_t pixels = input.size(2) * input.size(3) * (decodes ? factor() * factor() : 1);
  const int64_t samples = slicing_ ? 1 : std::max<int64_t>(most_pixels_ / std::max<int64_t>(pixels, 1), 1);
  const bool tiled = (tiling_ || pixels > most_pixels_) && std::max(input.size(2), input.size(3)) > shape.in;
  const auto run_part = [&](const at::Tensor& part) {
    const auto run_tile = [&](const at::Tensor& tile) { return network.run(half, tile); };
    return tiled ? run_in_tiles(part, shape, run_tile) : run_tile(part);
  };
  if (input.size(0) <= samples) return run_part(input);
  std::vector<at::Tensor> parts = input.split(samples);
  for (at::Tensor& part : parts) part = run_part(part);
  return at::cat(parts);
}

bool AutoencoderKL::is_looked_at(Half half) const {
  return half == Half::kDecoder || device_.is_cpu() || compute_type() == at::kHalf || !encoder_is_sound_;
}

at::Tensor AutoencoderKL::run_checked(Half half, const at::Tensor& input) const {
  for (;;) {
    const at::Tensor output = run_in_parts(overflowed_ ? *exact_ : *this, half, input);
    if (!is_looked_at(half)) return output.to(at::kFloat);
    if (all_finite(output)) {
      if (half == Half::kEncoder) encoder_is_sound_ = true;
      return output.to(at::kFloat);
    }
    fall_back(half, input);
  }
}

void AutoencoderKL::fall_back(Half half, const at::Tensor& input) const {
  const std::string_view verb = half == Half::kEncoder ? "encoding" : "decoding";
  if (!all_finite(input)) {
    throw WeightsError(text("the VAE is given NaN or infinity for ", verb), source_,
                       half == Half::kEncoder ? "" : "the UNet gave it: look at its weights, or compute it in fp32");
  }
  if (compute_type() == at::kFloat) {
    throw WeightsError(text("the VAE gives NaN or infinity at ", verb, ", in fp32 too"), source_,
                       "its weights are damaged: take another VAE");
  }
  log_warning("the VAE overflows at ", verb, " in ", type_ == at::kHalf ? "fp16" : "bf16", ": it goes on in fp32 (",
              source_, ")");
  exact_->place_frozen(device_, at::kFloat);
  overflowed_ = true;
}

AutoencoderKL::Moments AutoencoderKL::moments(const at::Tensor& pixels) const {
  const std::vector<at::Tensor> halves = run_checked(Half::kEncoder, pixels).chunk(2, 1);
  return {halves[0], halves[1].clamp(kLeastLogvar, kMostLogvar)};
}

at::Tensor AutoencoderKL::decode_unscaled(const at::Tensor& latents) const {
  return run_checked(Half::kDecoder, latents);
}

LatentDistribution AutoencoderKL::posterior(const at::Tensor& pixels) const {
  const auto [mean, logvar] = moments(pixels);
  return {(mean - shift_) * scale_, logvar.mul(0.5).exp() * scale_};
}

at::Tensor AutoencoderKL::decode(const at::Tensor& latents) const { return decode_unscaled(latents / scale_ + shift_); }

}  // namespace atelier

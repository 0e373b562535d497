// `model eval vae-encode` and `vae-decode`.
#include <ATen/ATen.h>

#include <algorithm>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/autoencoder/autoencoder_kl.h"
#include "models/pipeline/components.h"
#include "tools/atelier_model/verbs.h"

namespace atelier {
namespace {

std::unique_ptr<AutoencoderKL> prepare_vae(const std::filesystem::path& path, const EvalOptions& options) {
  if (!options.loras.empty()) throw ConfigError("adapters do not reach the VAE", "--lora");
  auto model = load_vae(path);
  model->enable_slicing(options.vae_slicing);
  model->enable_tiling(options.vae_tiling);
  model->set_requires_grad(options.grad);
  return model;
}

/// Adds what a backward left: the gradients of the input `name`, and of the parameters of the half that ran.
void add_vae_gradients(NamedTensors& results, const std::string& name, const at::Tensor& leaf, AutoencoderKL& model,
                       bool encodes) {
  results["grad." + name] = eval_gradient(leaf);
  model.for_each_parameter([&](const std::string& parameter, at::Tensor& tensor) {
    const bool of_encoder = parameter.starts_with("encoder.") || parameter.starts_with("quant_conv.");
    if (of_encoder == encodes) results["grad." + parameter] = eval_gradient(tensor);
  });
}

}  // namespace

NamedTensors eval_vae_encode(const std::filesystem::path& path, const NamedTensors& inputs,
                             const EvalOptions& options) {
  const auto model = prepare_vae(path, options);
  check_eval_shape(inputs, "sample", {-1, model->options().in_channels, -1, -1});
  const at::Tensor sample = eval_input(inputs, "sample").clone().set_requires_grad(options.grad);
  if (std::min(sample.size(2), sample.size(3)) < model->factor()) {
    throw ConfigError(
        text("sample has the shape ", sample.sizes(), ", wanted sides of ", model->factor(), " and above"));
  }
  const auto [mean, logvar] = model->moments(sample);
  NamedTensors results{{"mean", mean.detach()}, {"logvar", logvar.detach()}};
  if (!options.grad) return results;
  eval_backward(inputs, {{"cotangent", mean}, {"cotangent_logvar", logvar}});
  add_vae_gradients(results, "sample", sample, *model, /*encodes=*/true);
  return results;
}

NamedTensors eval_vae_decode(const std::filesystem::path& path, const NamedTensors& inputs,
                             const EvalOptions& options) {
  const auto model = prepare_vae(path, options);
  check_eval_shape(inputs, "latents", {-1, model->options().latent_channels, -1, -1});
  const at::Tensor latents = eval_input(inputs, "latents").clone().set_requires_grad(options.grad);
  const at::Tensor sample = model->decode_unscaled(latents);
  NamedTensors results{{"sample", sample.detach()}};
  if (!options.grad) return results;
  eval_backward(inputs, {{"cotangent", sample}});
  add_vae_gradients(results, "latents", latents, *model, /*encodes=*/false);
  return results;
}

}  // namespace atelier

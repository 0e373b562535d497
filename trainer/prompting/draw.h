// Shots -> pictures, in batches, each handed over as soon as it is done.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>

#include "models/image_io/grid.h"
#include "models/pipeline/stable_diffusion_xl.h"
#include "models/schedulers/samplers.h"
#include "trainer/prompting/prompt_encoder.h"
#include "trainer/prompting/prompts.h"

namespace atelier {

struct DrawOptions {
  int64_t batch_size = 1;  // pictures at a time, at most
  at::Tensor noise;        // [shots, C, h, w] to begin with; undefined: keyed by the seeds
  at::Tensor step_noise;   // [steps, shots, C, h, w]; likewise
  /// After each step of a batch of so many pictures; may throw to stop.
  std::function<void(int64_t pictures)> on_step;
  /// After each picture; `latents` [C, h, w] fp32 before decoding.
  std::function<void(size_t shot, const HostPicture& picture, const at::Tensor& latents)> on_picture;
};

/// Draws every shot. Shots of equal options and equally long texts share batches, in their order; a text is encoded by
/// itself, so a picture does not depend on which others are asked for (docs/cli.md says how exactly).
void draw_shots(const StableDiffusionXL& model, const PromptEncoder& encoder, std::span<const Shot> shots,
                const DrawOptions& options);

/// What draw_shots() would find only when it comes to a shot: ConfigError, with the shot's prompt, for a side that the
/// autoencoder does not divide and for steps that its sampler does not take. `samplers`: one a shot.
void require_drawable(const StableDiffusionXL& model, std::span<const Shot> shots,
                      std::span<const Sampler* const> samplers);

/// `options` with width and height, where 0, set to the model's own.
PictureOptions with_sides(PictureOptions options, const StableDiffusionXL& model);

}  // namespace atelier

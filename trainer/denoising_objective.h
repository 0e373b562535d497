// The diffusion loss: predict the noise, or the velocity, that was mixed into a picture's latents.
#pragma once

#include <string_view>

#include "models/pipeline/stable_diffusion_xl.h"
#include "models/schedulers/noise_schedule.h"
#include "trainer/objective.h"
#include "trainer/prompting/prompt_encoder.h"

namespace atelier {

class RunCaches;

/// What an objective goes by besides its model.
struct DenoisingSetting {
  uint64_t seed = 0;
  PromptOptions prompts{};            // how captions are read
  bool masked_loss = false;           // count the batch's masks
  const RunCaches* caches = nullptr;  // what need not be encoded; must outlive the objective
};

/// loss of a sample = mean over C, h, w of (prediction - target)^2 (Ho et al. 2020; v: Salimans and Ho 2022), in fp32;
/// with masks, of mask x (prediction - target)^2 (sd-scripts' masked_loss: the mean is still over all of C, h, w).
/// Noise, timestep and the latents' sample of the autoencoder's distribution are drawn by (seed, sample id, epoch,
/// repeat): the same whatever the batch, the number of processes or the point of resumption.
class DenoisingObjective : public Objective {
 public:
  /// `model` must outlive the objective. `compute_type`: of the latents that the UNet sees.
  DenoisingObjective(const StableDiffusionXL& model, at::Device device, at::ScalarType compute_type,
                     const DenoisingSetting& setting);

  MicroLoss loss(const LoadedBatch& batch) override;
  int64_t num_timesteps() const override { return schedule_.num_train_timesteps(); }

 private:
  LatentDistribution posterior(const LoadedBatch& batch) const;
  at::Tensor latents(const LoadedBatch& batch) const;  // [B, C, h, w] fp32
  Conditioning conditioning(const LoadedBatch& batch) const;
  /// [B] of the difference [B, C, h, w] between prediction and target.
  at::Tensor per_sample_loss(const LoadedBatch& batch, const at::Tensor& difference) const;
  /// Standard normal, of the shape of `like` [B, C, h, w].
  at::Tensor noise(std::string_view stream, const LoadedBatch& batch, const at::Tensor& like) const;
  std::vector<int64_t> timesteps(const LoadedBatch& batch) const;

  const StableDiffusionXL& model_;
  at::Device device_;
  at::ScalarType compute_type_;
  DenoisingSetting setting_;
  NoiseSchedule schedule_;
  PromptEncoder prompts_;
};

}  // namespace atelier

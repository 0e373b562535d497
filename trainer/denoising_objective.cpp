#include "trainer/denoising_objective.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "configs/base/hash.h"
#include "configs/base/random.h"
#include "models/unet/unet_2d_condition.h"
#include "trainer/cache/run_caches.h"
#include "trainer/masked_loss.h"

namespace atelier {
namespace {

/// The key of one use of one sample; `stream` names what is drawn.
uint64_t use_key(uint64_t seed, std::string_view stream, const LoadedSample& sample) {
  return random_key(seed, stream,
                    {hash64(sample.id), static_cast<uint64_t>(sample.epoch), static_cast<uint64_t>(sample.repeat)});
}

/// Original size, crop really taken, bucket size.
std::vector<SizeConditioning> size_conditioning(const LoadedBatch& batch) {
  std::vector<SizeConditioning> sizes;
  for (const LoadedSample& sample : batch.samples) {
    sizes.push_back(
        {sample.original_height, sample.original_width, sample.crop_top, sample.crop_left, batch.height, batch.width});
  }
  return sizes;
}

at::Tensor sample_weights(const LoadedBatch& batch) {
  at::Tensor weights = at::empty({static_cast<int64_t>(batch.samples.size())}, at::kFloat);
  float* out = weights.mutable_data_ptr<float>();
  for (const LoadedSample& sample : batch.samples) *out++ = sample.weight;
  return weights;
}

}  // namespace

DenoisingObjective::DenoisingObjective(const StableDiffusionXL& model, at::Device device, at::ScalarType compute_type,
                                       const DenoisingSetting& setting)
    : model_(model),
      device_(device),
      compute_type_(compute_type),
      setting_(setting),
      schedule_(model.scheduler),
      prompts_(model, device, setting.prompts) {}

LatentDistribution DenoisingObjective::posterior(const LoadedBatch& batch) const {
  const size_t picture = size_t{3} * static_cast<size_t>(batch.width) * static_cast<size_t>(batch.height);
  const auto encode = [&](std::span<const uint8_t> pixels) {
    return model_.autoencoder->posterior(encoder_input(pixels, static_cast<int64_t>(pixels.size() / picture),
                                                       batch.height, batch.width, device_));
  };
  const LatentCache* cache = setting_.caches ? setting_.caches->latents() : nullptr;
  if (!cache) return encode(batch.pixels);
  return cache->posterior(batch, [&](std::span<const int64_t> rows) {
    std::vector<uint8_t> pixels;
    for (const int64_t row : rows) {
      const auto begin = batch.pixels.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(row) * picture);
      pixels.insert(pixels.end(), begin, begin + static_cast<std::ptrdiff_t>(picture));
    }
    return encode(pixels);
  });
}

at::Tensor DenoisingObjective::latents(const LoadedBatch& batch) const {
  const at::NoGradGuard no_grad;
  const LatentDistribution drawn_from = posterior(batch);
  if (!drawn_from.deviation.defined()) return drawn_from.mean;
  return drawn_from.mean + drawn_from.deviation * noise("posterior", batch, drawn_from.mean);
}

Conditioning DenoisingObjective::conditioning(const LoadedBatch& batch) const {
  std::vector<std::string> captions;
  for (const LoadedSample& sample : batch.samples) captions.push_back(sample.caption);
  const TextCache* cache = setting_.caches ? setting_.caches->texts() : nullptr;
  return cache ? cache->encode(captions) : prompts_.encode(captions);
}

at::Tensor DenoisingObjective::per_sample_loss(const LoadedBatch& batch, const at::Tensor& difference) const {
  at::Tensor squared = difference.square();
  if (setting_.masked_loss && !batch.masks.empty()) {
    squared = squared * latent_mask(batch.masks, difference.size(0), batch.height, batch.width, difference.size(2),
                                    difference.size(3))
                            .to(device_);
  }
  return squared.mean({1, 2, 3});
}

at::Tensor DenoisingObjective::noise(std::string_view stream, const LoadedBatch& batch, const at::Tensor& like) const {
  at::Tensor noise = at::empty(like.sizes(), at::TensorOptions(at::kFloat));
  const int64_t count = noise.numel() / noise.size(0);
  float* out = noise.mutable_data_ptr<float>();
  at::parallel_for(0, noise.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      fill_normal(use_key(setting_.seed, stream, batch.samples[static_cast<size_t>(i)]), out + i * count, count);
    }
  });
  return noise.to(device_);
}

std::vector<int64_t> DenoisingObjective::timesteps(const LoadedBatch& batch) const {
  std::vector<int64_t> timesteps;
  for (const LoadedSample& sample : batch.samples) {
    CounterRng rng(use_key(setting_.seed, "timestep", sample));
    timesteps.push_back(static_cast<int64_t>(rng.below(static_cast<uint64_t>(num_timesteps()))));
  }
  return timesteps;
}

MicroLoss DenoisingObjective::loss(const LoadedBatch& batch) {
  MicroLoss out;
  out.timesteps = timesteps(batch);
  const at::Tensor clean = latents(batch);
  const at::Tensor random = noise("noise", batch, clean);
  const at::Tensor steps = at::tensor(out.timesteps, at::kLong);
  const at::Tensor noisy = schedule_.add_noise(clean, random, steps).to(compute_type_);
  const at::Tensor target = schedule_.target(clean, random, steps);

  const Conditioning text = conditioning(batch);
  const at::Tensor time_ids = make_time_ids(size_conditioning(batch)).to(device_);

  const at::Tensor prediction = model_.unet->forward(noisy, steps.to(device_, at::kFloat), text.encoder_hidden_states,
                                                     text.text_embeds, time_ids);
  const at::Tensor per_sample = per_sample_loss(batch, prediction.to(at::kFloat) - target);
  out.total = (per_sample * sample_weights(batch).to(device_)).sum();
  out.per_sample = per_sample.detach();
  return out;
}

}  // namespace atelier

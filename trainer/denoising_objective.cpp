#include "trainer/denoising_objective.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "configs/base/hash.h"
#include "configs/base/random.h"
#include "models/unet/unet_2d_condition.h"

namespace atelier {
namespace {

/// The key of one use of one sample; `stream` names what is drawn.
uint64_t sample_key(uint64_t seed, std::string_view stream, const LoadedSample& sample) {
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
                                       uint64_t seed, const PromptOptions& prompts)
    : model_(model),
      device_(device),
      compute_type_(compute_type),
      seed_(seed),
      schedule_(model.scheduler),
      prompts_(model, device, prompts) {}

at::Tensor DenoisingObjective::latents(const LoadedBatch& batch) const {
  const at::NoGradGuard no_grad;
  const auto count = static_cast<int64_t>(batch.samples.size());
  const at::Tensor bytes = at::from_blob(const_cast<uint8_t*>(batch.pixels.data()),
                                         {count, batch.height, batch.width, 3}, at::TensorOptions(at::kByte));
  const at::Tensor pixels = bytes.to(device_).permute({0, 3, 1, 2}).to(at::kFloat).div_(127.5).sub_(1);
  const LatentDistribution posterior = model_.autoencoder->posterior(pixels.contiguous());
  if (!posterior.deviation.defined()) return posterior.mean;
  return posterior.mean + posterior.deviation * noise("posterior", batch, posterior.mean);
}

at::Tensor DenoisingObjective::noise(std::string_view stream, const LoadedBatch& batch, const at::Tensor& like) const {
  at::Tensor noise = at::empty(like.sizes(), at::TensorOptions(at::kFloat));
  const int64_t count = noise.numel() / noise.size(0);
  float* out = noise.mutable_data_ptr<float>();
  at::parallel_for(0, noise.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      fill_normal(sample_key(seed_, stream, batch.samples[static_cast<size_t>(i)]), out + i * count, count);
    }
  });
  return noise.to(device_);
}

std::vector<int64_t> DenoisingObjective::timesteps(const LoadedBatch& batch) const {
  std::vector<int64_t> timesteps;
  for (const LoadedSample& sample : batch.samples) {
    CounterRng rng(sample_key(seed_, "timestep", sample));
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

  std::vector<std::string> captions;
  for (const LoadedSample& sample : batch.samples) captions.push_back(sample.caption);
  const Conditioning conditioning = prompts_.encode(captions);
  const at::Tensor time_ids = make_time_ids(size_conditioning(batch)).to(device_);

  const at::Tensor prediction = model_.unet->forward(noisy, steps.to(device_, at::kFloat),
                                                     conditioning.encoder_hidden_states, conditioning.text_embeds,
                                                     time_ids);
  const at::Tensor per_sample = (prediction.to(at::kFloat) - target).square().mean({1, 2, 3});
  out.total = (per_sample * sample_weights(batch).to(device_)).sum();
  out.per_sample = per_sample.detach();
  return out;
}

}  // namespace atelier

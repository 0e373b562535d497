#include "trainer/denoising_objective.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "configs/base/atomic_file.h"
#include "configs/base/hash.h"
#include "configs/base/random.h"
#include "data/caption/clip_tokenizer.h"
#include "models/autoencoder/autoencoder_kl.h"
#include "models/unet/unet_2d_condition.h"
#include "tests/models/tiny_pipeline.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

constexpr uint64_t kObjectiveSeed = 7;

/// A tiny pipeline with a VAE whose distributions are wide.
StableDiffusionXL pipeline_with_vae(const std::filesystem::path& folder) {
  write_tiny_pipeline(folder, ClipTokenizer::kVocabularySize, ClipTokenizer::kEos);
  AutoencoderKLOptions options;
  options.block_out_channels = {8, 8};
  options.latent_channels = 8;
  options.norm_num_groups = 4;
  options.scaling_factor = 1;
  write_file_atomically(folder / "vae/config.json", vae_config_json(options));
  StableDiffusionXL model = StableDiffusionXL::from_config(folder, 3);
  dynamic_cast<AutoencoderKL&>(*model.autoencoder).for_each_parameter([](const std::string& name, at::Tensor& tensor) {
    if (name == "quant_conv.bias") tensor.add_(1);
  });
  return model;
}

LoadedBatch noise_batch(const std::vector<std::string>& ids, int64_t epoch) {
  LoadedBatch batch{.width = 16, .height = 8, .samples = {}, .pixels = {}};
  for (const std::string& id : ids) {
    LoadedSample sample;
    sample.id = id;
    sample.epoch = epoch;
    sample.repeat = 1;
    sample.weight = 1;
    sample.original_width = 16, sample.original_height = 8;
    batch.samples.push_back(sample);
    CounterRng rng(random_key(1, "pixels", {hash64(id)}));
    for (int i = 0; i < 16 * 8 * 3; ++i) batch.pixels.push_back(static_cast<uint8_t>(rng.below(256)));
  }
  return batch;
}

at::Tensor drawn(std::string_view stream, const LoadedSample& sample, at::IntArrayRef shape) {
  at::Tensor noise = at::empty(shape, at::kFloat);
  fill_normal(
      random_key(kObjectiveSeed, stream,
                 {hash64(sample.id), static_cast<uint64_t>(sample.epoch), static_cast<uint64_t>(sample.repeat)}),
      noise.mutable_data_ptr<float>(), noise.numel());
  return noise;
}

/// The loss written down from its parts, with `spread` of the posterior's deviation.
double loss_by_hand(const StableDiffusionXL& model, const LoadedBatch& batch, int64_t timestep, double spread) {
  const LoadedSample& sample = batch.samples[0];
  const at::Tensor pixels = at::tensor(at::ArrayRef<uint8_t>(batch.pixels)).view({1, 8, 16, 3}).permute({0, 3, 1, 2});
  const LatentDistribution posterior = model.autoencoder->posterior(pixels.to(at::kFloat).div(127.5).sub(1));
  const at::IntArrayRef shape = posterior.mean.sizes();
  const at::Tensor latents = posterior.mean + spread * posterior.deviation * drawn("posterior", sample, shape);
  const at::Tensor noise = drawn("noise", sample, shape), steps = at::tensor({timestep});
  const NoiseSchedule schedule(model.scheduler);
  const std::vector<std::string> captions{sample.caption};
  const Conditioning text = PromptEncoder(model, at::kCPU).encode(captions);
  const SizeConditioning size{8, 16, 0, 0, 8, 16};
  const at::Tensor prediction =
      model.unet->forward(schedule.add_noise(latents, noise, steps), steps.to(at::kFloat), text.encoder_hidden_states,
                          text.text_embeds, make_time_ids({&size, 1}));
  at::Tensor squared = (prediction - schedule.target(latents, noise, steps)).to(at::kDouble).square();
  if (!batch.masks.empty()) {
    const at::Tensor mask = at::tensor(at::ArrayRef<uint8_t>(batch.masks)).to(at::kDouble).div(255);
    const int64_t h = squared.size(2), w = squared.size(3);
    squared = squared * mask.view({h, 8 / h, w, 16 / w}).mean({1, 3});
  }
  return squared.mean().item<double>();
}

TEST(DenoisingObjective, TrainsOnASampleOfTheAutoencodersDistribution) {
  const TemporaryFolder folder;
  const at::NoGradGuard no_grad;
  const StableDiffusionXL model = pipeline_with_vae(folder.path());
  DenoisingObjective objective(model, at::kCPU, at::kFloat, {.seed = kObjectiveSeed});
  for (const int64_t epoch : {0, 1}) {
    const LoadedBatch batch = noise_batch({"a"}, epoch);
    const MicroLoss loss = objective.loss(batch);
    const double value = loss.total.item<double>();
    EXPECT_NEAR(value, loss_by_hand(model, batch, loss.timesteps[0], 1), 1e-5 * value);
    EXPECT_GT(std::abs(value - loss_by_hand(model, batch, loss.timesteps[0], 0)), 1e-3 * value);
  }
}

TEST(DenoisingObjective, AMaskMultipliesTheSquaredError) {
  const TemporaryFolder folder;
  const at::NoGradGuard no_grad;
  const StableDiffusionXL model = pipeline_with_vae(folder.path());
  LoadedBatch batch = noise_batch({"a"}, 3);
  CounterRng rng(2, "mask", {});
  for (int i = 0; i < 16 * 8; ++i) batch.masks.push_back(i % 16 < 8 ? 0 : static_cast<uint8_t>(rng.below(256)));
  DenoisingObjective masked(model, at::kCPU, at::kFloat, {.seed = kObjectiveSeed, .masked_loss = true});
  const MicroLoss loss = masked.loss(batch);
  const double value = loss.total.item<double>();
  EXPECT_NEAR(value, loss_by_hand(model, batch, loss.timesteps[0], 1), 1e-5 * value);
  DenoisingObjective unmasked(model, at::kCPU, at::kFloat, {.seed = kObjectiveSeed});
  EXPECT_GT(unmasked.loss(batch).total.item<double>(), 1.5 * value);
  std::ranges::fill(batch.masks, uint8_t{255});
  EXPECT_EQ(masked.loss(batch).total.item<double>(), unmasked.loss(batch).total.item<double>());
}

TEST(DenoisingObjective, ASamplesLossDoesNotDependOnItsBatch) {
  const TemporaryFolder folder;
  const at::NoGradGuard no_grad;
  const StableDiffusionXL model = pipeline_with_vae(folder.path());
  DenoisingObjective objective(model, at::kCPU, at::kFloat, {.seed = kObjectiveSeed});
  const double alone = objective.loss(noise_batch({"b"}, 2)).per_sample[0].item<double>();
  const at::Tensor together = objective.loss(noise_batch({"a", "b", "c"}, 2)).per_sample;
  EXPECT_NEAR(together[1].item<double>(), alone, 1e-5 * alone);
}

}  // namespace
}  // namespace atelier

#include "trainer/prompting/draw.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <set>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/unet/unet_2d_condition.h"

namespace atelier {
namespace {

// Indices of shots that are drawn together.
using Batch = std::vector<size_t>;

std::vector<Batch> make_batches(const PromptEncoder& encoder, std::span<const Shot> shots, int64_t batch_size) {
  std::vector<Batch> batches;
  std::vector<int64_t> chunks;  // of each shot's longer text
  const auto fits = [&](const Batch& batch, size_t shot) {
    return batch.size() < static_cast<size_t>(batch_size) && chunks[batch.front()] == chunks[shot] &&
           shots[batch.front()].options == shots[shot].options;
  };
  for (size_t i = 0; i < shots.size(); ++i) {
    const Shot& shot = shots[i];
    chunks.push_back(std::max(encoder.chunk_count(shot.prompt), encoder.chunk_count(shot.negative_prompt)));
    // The newest batch of equal shots: full ones stay as they are, and the order within a kind is kept.
    const auto batch = std::find_if(batches.begin(), batches.end(), [&](const Batch& b) { return fits(b, i); });
    if (batch == batches.end()) {
      batches.push_back({i});
    } else {
      batch->push_back(i);
    }
  }
  return batches;
}

Conditioning stack(std::span<const Conditioning> parts) {
  std::vector<at::Tensor> states, embeds;
  for (const Conditioning& part : parts) {
    states.push_back(part.encoder_hidden_states);
    embeds.push_back(part.text_embeds);
  }
  return {at::cat(states), at::cat(embeds)};
}

// Each shot's texts by themselves: what they become does not depend on the batch.
GuidedConditioning encode_batch(const PromptEncoder& encoder, std::span<const Shot> shots, const Batch& batch) {
  std::vector<Conditioning> positive, negative;
  for (const size_t i : batch) {
    const Shot& shot = shots[i];
    const Shot* before = positive.empty() ? nullptr : &shots[batch[positive.size() - 1]];
    const bool same = before && before->prompt == shot.prompt && before->negative_prompt == shot.negative_prompt;
    if (!same) {
      const GuidedConditioning one = encoder.encode(std::span(&shot.prompt, 1), std::span(&shot.negative_prompt, 1));
      positive.push_back(one.positive);
      negative.push_back(one.negative);
    } else {
      positive.push_back(positive.back());
      negative.push_back(negative.back());
    }
  }
  return {stack(positive), stack(negative)};
}

at::Tensor select(const at::Tensor& noise, int64_t dimension, const Batch& batch) {
  if (!noise.defined()) return noise;
  const std::vector<int64_t> indices(batch.begin(), batch.end());
  return noise.index_select(dimension, at::tensor(indices, at::kLong));
}

HostPicture host_picture(const at::Tensor& pixels /*[H, W, 3] u8*/) {
  const uint8_t* data = pixels.const_data_ptr<uint8_t>();
  return {pixels.size(1), pixels.size(0), std::vector<uint8_t>(data, data + pixels.numel())};
}

void require_side(int64_t pixels, int64_t factor) {
  if (pixels % factor == 0) return;
  throw ConfigError(text("a picture cannot have a side of ", pixels, " px"), "",
                    text("sides are multiples of ", factor));
}

/// The sampler's way through its timesteps, on one number.
void require_steps(const Sampler& sampler, const NoiseSchedule& schedule, int64_t steps) {
  const at::Tensor one = at::ones({1, 1, 1, 1});
  sampler.run({schedule, steps, one, [](const at::Tensor& sample, double) { return sample; },
               [&](int64_t) { return one; }});
}

}  // namespace

void require_drawable(const StableDiffusionXL& model, std::span<const Shot> shots,
                      std::span<const Sampler* const> samplers) {
  const at::NoGradGuard no_grad;
  const NoiseSchedule schedule(model.scheduler);
  std::set<std::pair<const Sampler*, int64_t>> seen;
  for (size_t i = 0; i < shots.size(); ++i) {
    const PictureOptions& options = shots[i].options;
    try {
      require_side(options.width, model.autoencoder->factor());
      require_side(options.height, model.autoencoder->factor());
      if (seen.emplace(samplers[i], options.steps).second) require_steps(*samplers[i], schedule, options.steps);
    } catch (const ConfigError& error) {
      throw ConfigError(error.summary(), text("prompt \"", shots[i].prompt, '"'), error.hint());
    }
  }
}

void draw_shots(const StableDiffusionXL& model, const PromptEncoder& encoder, std::span<const Shot> shots,
                const DrawOptions& options) {
  const at::NoGradGuard no_grad;
  for (const Batch& batch : make_batches(encoder, shots, options.batch_size)) {
    GenerateOptions generate{
        shots[batch.front()].options, select(options.noise, 0, batch), select(options.step_noise, 1, batch), {}};
    generate.on_step = [&](int64_t, int64_t) {
      if (options.on_step) options.on_step(static_cast<int64_t>(batch.size()));
    };
    std::vector<uint64_t> seeds;
    for (const size_t i : batch) seeds.push_back(shots[i].seed);
    const GuidedConditioning told = encode_batch(encoder, shots, batch);
    const at::Tensor latents = model.generate_latents(generate, told.positive, told.negative, seeds);
    for (size_t i = 0; i < batch.size(); ++i) {
      const at::Tensor own = latents.narrow(0, static_cast<int64_t>(i), 1);
      options.on_picture(batch[i], host_picture(model.decode_pictures(own)[0]), own[0]);
    }
  }
}

PictureOptions with_sides(PictureOptions options, const StableDiffusionXL& model) {
  const int64_t own = model.unet->options().sample_size * model.autoencoder->factor();
  if (options.width == 0) options.width = own;
  if (options.height == 0) options.height = own;
  return options;
}

}  // namespace atelier

// Noise and conditioning -> pictures.
#include <ATen/ATen.h>

#include "configs/base/error.h"
#include "configs/base/random.h"
#include "configs/base/text.h"
#include "models/pipeline/stable_diffusion_xl.h"
#include "models/schedulers/samplers.h"
#include "models/unet/unet_2d_condition.h"

namespace atelier {
namespace {

at::Tensor to_bytes(const at::Tensor& pixels) {
  const at::Tensor scaled = pixels.to(at::kFloat).add(1).mul(127.5).round().clamp(0, 255);
  return scaled.to(at::kByte).permute({0, 2, 3, 1}).contiguous().cpu();
}

}  // namespace

at::Tensor make_time_ids(std::span<const SizeConditioning> sizes) {
  std::vector<float> values;
  for (const SizeConditioning& size : sizes) {
    for (const int64_t value : {size.original_height, size.original_width, size.crop_top, size.crop_left,
                                size.target_height, size.target_width}) {
      values.push_back(static_cast<float>(value));
    }
  }
  return at::tensor(values).view({-1, 6});
}

at::Tensor StableDiffusionXL::initial_noise(const GenerateOptions& options, std::span<const uint64_t> seeds) const {
  const int64_t factor = autoencoder->factor();
  const auto side = [&](int64_t pixels, const char* name) {
    if (pixels == 0) return unet->options().sample_size;
    if (pixels > 0 && pixels % factor == 0) return pixels / factor;
    throw ConfigError(text("a picture cannot have a side of ", pixels, " px"), name,
                      text("sides are multiples of ", factor));
  };
  const std::vector<int64_t> shape{autoencoder->channels(), side(options.height, "height"),
                                   side(options.width, "width")};
  at::Tensor noise = at::empty({static_cast<int64_t>(seeds.size()), shape[0], shape[1], shape[2]}, at::kFloat);
  if (options.noise.defined()) {
    if (options.noise.sizes() != noise.sizes())
      throw ConfigError(text("the noise has the shape ", options.noise.sizes(), ", wanted ", noise.sizes()), "noise");
    return options.noise;
  }
  for (size_t i = 0; i < seeds.size(); ++i) {
    at::Tensor picture = noise[static_cast<int64_t>(i)];
    fill_normal(random_key(seeds[i], "sample noise"), picture.mutable_data_ptr<float>(), picture.numel());
  }
  return noise;
}

at::Tensor StableDiffusionXL::generate(const GenerateOptions& options, const Conditioning& conditioning,
                                       const Conditioning& negative, std::span<const uint64_t> seeds) const {
  const at::NoGradGuard no_grad;
  const at::Tensor noise = initial_noise(options, seeds);
  const int64_t height = noise.size(2) * autoencoder->factor(), width = noise.size(3) * autoencoder->factor();
  const NoiseSchedule schedule(scheduler);
  const Sampler& sampler = find_sampler(options.sampler, scheduler);
  const bool guided = options.guidance_scale > 1;
  const at::ScalarType compute_type = conditioning.encoder_hidden_states.scalar_type();
  // A sampler adds many small steps and sides do not fit bf16's 8 bits: both stay fp32 whatever the UNet computes in.
  const at::TensorOptions exact = conditioning.encoder_hidden_states.options().dtype(at::kFloat);

  // With guidance the negative half goes through the UNet in the same call, first as in diffusers.
  const auto both = [&](const at::Tensor& positive, const at::Tensor& other) {
    return guided ? at::cat({other, positive}) : positive;
  };
  const at::Tensor states = both(conditioning.encoder_hidden_states, negative.encoder_hidden_states);
  const at::Tensor embeds = both(conditioning.text_embeds, negative.text_embeds);
  const SizeConditioning size{height, width, 0, 0, height, width};
  const at::Tensor time_ids = make_time_ids({&size, 1}).to(exact).expand({states.size(0), 6});

  int64_t step = 0;
  const Denoiser denoiser = [&](const at::Tensor& sample, double timestep) {
    const at::Tensor timesteps = at::full({states.size(0)}, timestep, exact);
    const at::Tensor input = both(sample, sample).to(compute_type);
    const at::Tensor answer = unet->forward(input, timesteps, states, embeds, time_ids).to(at::kFloat);
    if (options.on_step) options.on_step(++step, options.steps);
    if (!guided) return answer;
    const std::vector<at::Tensor> halves = answer.chunk(2);
    return halves[0] + options.guidance_scale * (halves[1] - halves[0]);
  };
  return to_bytes(autoencoder->decode(sampler.run(schedule, options.steps, noise.to(exact), denoiser)));
}

}  // namespace atelier

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

// What the refiner is told about beauty in place of a target size (diffusers' aesthetic_score and negative_...).
constexpr float kAestheticScore = 6.0F, kNegativeAestheticScore = 2.5F;

at::Tensor to_bytes(const at::Tensor& pixels) {
  const at::Tensor scaled = pixels.to(at::kFloat).add(1).mul(127.5).round().clamp(0, 255);
  return scaled.to(at::kByte).permute({0, 2, 3, 1}).contiguous().cpu();
}

// [B, C, h, w] standard normal; picture i depends on its own key alone.
at::Tensor keyed_noise(std::span<const uint64_t> keys, at::IntArrayRef shape) {
  at::Tensor noise = at::empty(shape, at::kFloat);
  for (size_t i = 0; i < keys.size(); ++i) {
    at::Tensor picture = noise[static_cast<int64_t>(i)];
    fill_normal(keys[i], picture.mutable_data_ptr<float>(), picture.numel());
  }
  return noise;
}

// `given`, if it has this shape. ConfigError naming it otherwise.
at::Tensor require_shape(const at::Tensor& given, at::IntArrayRef shape, const char* name) {
  if (given.sizes() == shape) return given;
  throw ConfigError(text("the ", name, " has the shape ", given.sizes(), ", wanted ", shape), name);
}

SizeConditioning size_conditioning(const PictureOptions& options, int64_t height, int64_t width, bool negative) {
  const auto first_given = [](int64_t a, int64_t b, int64_t c) { return a > 0 ? a : b > 0 ? b : c; };
  const int64_t own_height = negative ? options.negative_original_height : 0;
  const int64_t own_width = negative ? options.negative_original_width : 0;
  return {first_given(own_height, options.original_height, height),
          first_given(own_width, options.original_width, width),
          options.crop_top,
          options.crop_left,
          height,
          width};
}

// [1, count] float: six sizes, or the refiner's four and its aesthetic score.
at::Tensor time_ids_of(const SizeConditioning& size, float aesthetic_score, int64_t count) {
  const at::Tensor six = make_time_ids({&size, 1});
  return count == kRefinerTimeIds ? at::cat({six.narrow(1, 0, 4), at::full({1, 1}, aesthetic_score)}, 1) : six;
}

// Brings the guided answer's deviation, picture by picture, `share` of the way back to that of the answer to the prompt
// alone (Lin et al. 2023, section 3.4): strong guidance does not overexpose.
at::Tensor rescale_guided(const at::Tensor& guided, const at::Tensor& positive, double share) {
  const auto deviation = [](const at::Tensor& answer) {
    return answer.std({1, 2, 3}, /*unbiased=*/true, /*keepdim=*/true);
  };
  return guided * (share * deviation(positive) / deviation(guided) + (1 - share));
}

// Everything that one batch tells the UNet besides sample and timestep; [B, ...], or with guidance [2B, ...], the
// negative half first as in diffusers.
struct UNetCondition {
  at::Tensor states, embeds, time_ids;
};

class GuidedUNet {
 public:
  GuidedUNet(const UNet2DConditionModel& unet, const GenerateOptions& options, const UNetCondition& positive,
             const UNetCondition& negative)
      : unet_(unet),
        options_(options),
        guided_(options.guidance_scale > 1),
        condition_{both(positive.states, negative.states), both(positive.embeds, negative.embeds),
                   both(positive.time_ids, negative.time_ids)} {}

  // `sample` [B, C, h, w] fp32; so is the answer.
  at::Tensor answer(const at::Tensor& sample, double timestep) const {
    const at::Tensor& states = condition_.states;
    const at::Tensor timesteps = at::full({states.size(0)}, timestep, sample.options());
    const at::Tensor input = both(sample, sample).to(states.scalar_type());
    const at::Tensor answer =
        unet_.forward(input, timesteps, states, condition_.embeds, condition_.time_ids).to(at::kFloat);
    if (!guided_) return answer;
    const std::vector<at::Tensor> halves = answer.chunk(2);
    const at::Tensor guided = halves[0] + options_.guidance_scale * (halves[1] - halves[0]);
    return options_.guidance_rescale > 0 ? rescale_guided(guided, halves[1], options_.guidance_rescale) : guided;
  }

 private:
  at::Tensor both(const at::Tensor& positive, const at::Tensor& negative) const {
    return guided_ ? at::cat({negative, positive}) : positive;
  }

  const UNet2DConditionModel& unet_;
  const GenerateOptions& options_;
  bool guided_;
  UNetCondition condition_;
};

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

std::vector<int64_t> StableDiffusionXL::latents_shape(const PictureOptions& options, size_t pictures) const {
  const int64_t factor = autoencoder->factor();
  const auto side = [&](int64_t pixels, const char* name) {
    if (pixels == 0) return unet->options().sample_size;
    if (pixels > 0 && pixels % factor == 0) return pixels / factor;
    throw ConfigError(text("a picture cannot have a side of ", pixels, " px"), name,
                      text("sides are multiples of ", factor));
  };
  return {static_cast<int64_t>(pictures), autoencoder->channels(), side(options.height, "height"),
          side(options.width, "width")};
}

at::Tensor StableDiffusionXL::generate_latents(const GenerateOptions& options, const Conditioning& conditioning,
                                               const Conditioning& negative, std::span<const uint64_t> seeds) const {
  const at::NoGradGuard no_grad;
  const std::vector<int64_t> shape = latents_shape(options, seeds.size());
  // A sampler adds many small steps and sides do not fit bf16's 8 bits: both stay fp32 whatever the UNet computes in.
  const at::TensorOptions exact = conditioning.encoder_hidden_states.options().dtype(at::kFloat);
  const auto noise_of = [&](std::string_view stream, std::initializer_list<uint64_t> numbers) {
    std::vector<uint64_t> keys;
    for (const uint64_t seed : seeds) keys.push_back(random_key(seed, stream, numbers));
    return keyed_noise(keys, shape);
  };
  const auto unet_condition = [&](const Conditioning& text, bool is_negative) {
    const int64_t factor = autoencoder->factor();
    const SizeConditioning size = size_conditioning(options, shape[2] * factor, shape[3] * factor, is_negative);
    const float score = is_negative ? kNegativeAestheticScore : kAestheticScore;
    const at::Tensor ids = time_ids_of(size, score, time_ids_count()).to(exact);
    return UNetCondition{text.encoder_hidden_states, text.text_embeds, ids.expand({shape[0], ids.size(1)})};
  };

  const GuidedUNet guided(*unet, options, unet_condition(conditioning, false), unet_condition(negative, true));
  int64_t step = 0;
  const Denoiser denoiser = [&](const at::Tensor& sample, double timestep) {
    const at::Tensor answer = guided.answer(sample, timestep);
    if (options.on_step) options.on_step(++step, options.steps);
    return answer;
  };
  const StepNoise step_noise = [&](int64_t index) {
    if (!options.step_noise.defined()) return noise_of("sample step noise", {static_cast<uint64_t>(index)}).to(exact);
    return require_shape(options.step_noise[index], shape, "step noise").to(exact);
  };
  const at::Tensor noise =
      options.noise.defined() ? require_shape(options.noise, shape, "noise") : noise_of("sample noise", {});
  const NoiseSchedule schedule(scheduler);
  const Sampler& sampler = find_sampler(options.sampler, scheduler);
  return sampler.run({schedule, options.steps, noise.to(exact), denoiser, step_noise});
}

at::Tensor StableDiffusionXL::decode_pictures(const at::Tensor& latents) const {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> pictures;
  for (const at::Tensor& one : latents.split(1)) pictures.push_back(to_bytes(autoencoder->decode(one)));
  return at::cat(pictures);
}

at::Tensor StableDiffusionXL::generate(const GenerateOptions& options, const Conditioning& conditioning,
                                       const Conditioning& negative, std::span<const uint64_t> seeds) const {
  return decode_pictures(generate_latents(options, conditioning, negative, seeds));
}

}  // namespace atelier

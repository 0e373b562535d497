// The whole of an SDXL-family model: text encoders, UNet, autoencoder, schedule; from token ids to pictures.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "configs/base/safetensors.h"
#include "models/autoencoder/autoencoder.h"
#include "models/options/scheduler_options.h"
#include "models/pipeline/picture_options.h"

namespace atelier {

class CLIPTextModel;
struct ChunkedTexts;  // models/pipeline/encode.h
struct StoredPipeline;
class UNet2DConditionModel;

/// What the UNet is told about the text.
struct Conditioning {
  at::Tensor encoder_hidden_states;  // [B, L, D1 + D2]
  at::Tensor text_embeds;            // [B, P]
};

/// SDXL's micro-conditioning of one picture, in pixels (Podell et al., "SDXL", 2023, section 2.2).
struct SizeConditioning {
  int64_t original_height = 0, original_width = 0;
  int64_t crop_top = 0, crop_left = 0;
  int64_t target_height = 0, target_width = 0;
};

/// Numbers of micro-conditioning a picture: six sizes, or the refiner's four and an aesthetic score.
constexpr int64_t kTimeIds = 6, kRefinerTimeIds = 5;

/// [B, 6] float: original height and width, crop top and left, target height and width, in diffusers' order.
at::Tensor make_time_ids(std::span<const SizeConditioning> sizes);

struct GenerateOptions : PictureOptions {
  at::Tensor noise;       // [B, C, h, w], standard normal, to begin with; undefined: keyed by the seeds
  at::Tensor step_noise;  // [steps, B, C, h, w], what stochastic samplers add; undefined: keyed by the seeds
  /// Called after each step; may throw to stop.
  std::function<void(int64_t step, int64_t steps)> on_step;
};

class StableDiffusionXL {
 public:
  StableDiffusionXL();
  ~StableDiffusionXL();
  StableDiffusionXL(StableDiffusionXL&&) noexcept;
  StableDiffusionXL& operator=(StableDiffusionXL&&) noexcept;

  /// A diffusers pipeline folder (model_index.json, unet/, text_encoder/, text_encoder_2/, scheduler/, vae/) or a
  /// single file in the sgm layout. `vae`, where given, replaces its own ("dct", a folder, or a file in the sgm
  /// layout). WeightsError for what is missing or not supported.
  static StableDiffusionXL load(const std::filesystem::path& path, const std::string& vae = "");
  /// The same of an opened pipeline, which is not needed after it.
  static StableDiffusionXL load(const StoredPipeline& stored, const std::string& vae = "");
  /// Only the folder's configurations, with random weights keyed by `seed`.
  static StableDiffusionXL from_config(const std::filesystem::path& folder, uint64_t seed, const std::string& vae = "");
  /// Both without the UNet, which is nullptr: all that encoding texts and pictures needs.
  static StableDiffusionXL load_encoders(const StoredPipeline& stored, const std::string& vae = "");
  static StableDiffusionXL encoders_from_config(const std::filesystem::path& folder, uint64_t seed,
                                                const std::string& vae = "");
  /// Writes a folder that load() and diffusers read (its vae/ only load() if it is no AutoencoderKL). `dtype` of the
  /// weights: kF32, kF16 or kBF16.
  void save_pretrained(const std::filesystem::path& folder, SafeDtype dtype) const;

  /// Width of Conditioning::text_embeds.
  int64_t pooled_width() const;
  /// Numbers of micro-conditioning that the UNet takes a picture: kTimeIds, or kRefinerTimeIds.
  int64_t time_ids_count() const;

  /// Module::place_frozen of every part, and Autoencoder::place.
  void place_frozen(at::Device device, at::ScalarType type);

  /// `input_ids_1`, `input_ids_2` [B, L] int64, the same text for either encoder (they differ in padding). The hidden
  /// states are both encoders' penultimate ones side by side, the embedding is the second's; a model with one encoder
  /// takes both from it and ignores the other ids.
  Conditioning encode(const at::Tensor& input_ids_1, const at::Tensor& input_ids_2) const;
  /// The same of texts in chunks, with emphasis and replaced embeddings; the embedding is that of a text's first chunk.
  Conditioning encode(const ChunkedTexts& texts) const;

  /// Latents [B, C, h, w] fp32, one a seed, with classifier-free guidance towards `conditioning` and away from
  /// `negative` (both of batch B, and equally long). A picture's noise depends on its own seed and the size alone.
  /// The UNet computes in the conditioning's type and on its device, the sampler in fp32. ConfigError for a size that
  /// is not possible.
  at::Tensor generate_latents(const GenerateOptions& options, const Conditioning& conditioning,
                              const Conditioning& negative, std::span<const uint64_t> seeds) const;
  /// Pictures [B, H, W, 3] u8 on the CPU, decoded one by one: no batch decides about a picture's memory or rounding.
  at::Tensor decode_pictures(const at::Tensor& latents) const;
  /// Both.
  at::Tensor generate(const GenerateOptions& options, const Conditioning& conditioning, const Conditioning& negative,
                      std::span<const uint64_t> seeds) const;

  std::unique_ptr<CLIPTextModel> text_encoder;    // nullptr if the model has none
  std::unique_ptr<CLIPTextModel> text_encoder_2;  // likewise
  std::unique_ptr<UNet2DConditionModel> unet;
  std::unique_ptr<Autoencoder> autoencoder;
  SchedulerOptions scheduler;
  /// model_index.json's: an empty negative prompt means zeros, not the encoded empty text.
  bool force_zeros_for_empty_prompt = true;

 private:
  /// {pictures, C, h, w}
  std::vector<int64_t> latents_shape(const PictureOptions& options, size_t pictures) const;
};

}  // namespace atelier

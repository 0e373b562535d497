// The shape of a network told from the names and shapes of its tensors in the sgm layout, for single files, which carry
// no configuration.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "configs/base/safetensors.h"
#include "models/options/clip_options.h"
#include "models/options/scheduler_options.h"
#include "models/options/unet_options.h"
#include "models/options/vae_options.h"

namespace atelier {

/// The tensors of a file whose names begin with `prefix`, named without it. The file must outlive this.
class SgmTensors {
 public:
  SgmTensors(const SafetensorsFile& file, std::string prefix) : file_(file), prefix_(std::move(prefix)) {}

  bool has(std::string_view name) const;
  /// WeightsError if there is no such tensor.
  void require(std::string_view name) const { find(name); }
  /// Length of dimension `dimension`. WeightsError if there is no such tensor or dimension.
  int64_t side(std::string_view name, size_t dimension) const;
  size_t dimensions(std::string_view name) const;
  /// How many of `before` + 0 + `after`, `before` + 1 + `after`, ... there are without a gap.
  int64_t count(std::string_view before, std::string_view after) const;
  /// Where errors about these tensors point.
  std::string where() const;

 private:
  const SafeTensorInfo& find(std::string_view name) const;

  const SafetensorsFile& file_;
  std::string prefix_;
};

// What no tensor shows is taken to be as in SDXL: 64 channels an attention head, 32 groups a norm, the activations, the
// VAE's scaling factor. A size that rules this out is a WeightsError that asks for the configuration.

UNet2DConditionOptions infer_unet_options(const SgmTensors& tensors);
AutoencoderKLOptions infer_vae_options(const SgmTensors& tensors);
/// Under transformers' names: SDXL's first text encoder.
CLIPTextOptions infer_clip_options(const SgmTensors& tensors);
/// Under open_clip's names: SDXL's second text encoder.
CLIPTextOptions infer_open_clip_options(const SgmTensors& tensors);

// Names of the options that a reader of a single file would take to be others than they are.

std::vector<std::string> untold_options(const UNet2DConditionOptions& options);
std::vector<std::string> untold_options(const AutoencoderKLOptions& options);
std::vector<std::string> untold_options(const CLIPTextOptions& options);
/// The prediction type and zero terminal SNR are told (by markers), and with them the spacing that belongs to them. The
/// class is not looked at: which sampler draws is the reader's own choice.
std::vector<std::string> untold_options(const SchedulerOptions& options);

}  // namespace atelier

// LoRA (Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021) in the projections' adapter slots, with
// kohya's names (docs/formats/lora_keys.md).
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "configs/base/safetensors.h"
#include "models/layers/projection.h"
#include "models/options/network_options.h"
#include "models/options/unet_options.h"

namespace atelier {

/// y += up(down(x)) * alpha / rank * multiplier; down is drawn as a linear layer's weight is, up starts at zero.
class Lora : public Adapter {
 public:
  /// For `projection`, without values yet.
  Lora(const Projection& projection, int64_t rank, double alpha);
  /// Of a file.
  Lora(at::Tensor down, at::Tensor up, double alpha);

  bool fits(const Projection& projection) const override;
  at::Tensor adapted_weight(const at::Tensor& weight) const override;
  bool acts_on_output() const override { return true; }
  at::Tensor delta(const Projection& projection, const ProjectionInput& input) const override;

  double alpha() const { return alpha_; }
  void set_multiplier(double multiplier) { multiplier_ = multiplier; }

 private:
  double scale() const;
  void register_pair(std::vector<int64_t> down, std::vector<int64_t> up, int64_t fan_in);

  int64_t rank_;
  double alpha_;
  double multiplier_ = 1;
  at::Tensor down_;  // [rank, in] or [rank, in, kh, kw]
  at::Tensor up_;    // [out, rank] or [out, rank, 1, 1]
};

/// The file name of the projection at `path`, nullopt where LoRA does not go.
using LoraNaming = std::function<std::optional<std::string>(const std::string& path)>;

/// All projections of the transformers: "lora_unet_" and the path in SDXL's original layout (input_blocks_4_1_...).
LoraNaming unet_lora_naming(const UNet2DConditionOptions& options);
/// All projections of attention and MLP: "lora_te1_" or "lora_te2_" and transformers' path. REQUIRES encoder 1 or 2.
LoraNaming text_encoder_lora_naming(int encoder);

/// The adapters of one LoRA file. A module whose parameters are named as in the file
/// ("lora_unet_..._to_q.lora_down.weight"): initialize() and the trainer see it like any model.
class LoraNetwork : public Module {
 public:
  /// Empty; inject() fills it.
  LoraNetwork() = default;
  /// The adapters of a file (up, down, alpha; rank and alpha may differ by module), attached to nothing yet.
  /// `multiplier` is the strength people type. WeightsError for other kinds of adapters.
  static std::unique_ptr<LoraNetwork> load(const std::filesystem::path& file, double multiplier = 1);

  /// Puts a new adapter into every target of `model`; values come from initialize(network, seed) or load_weights().
  void inject(Module& model, const LoraNaming& naming, const NetworkOptions& options);
  /// Puts the loaded adapters into the projections they name. Returns how many found their place; WeightsError if a
  /// shape does not fit.
  int64_t attach(Module& model, const LoraNaming& naming);
  /// Names of adapters no model has taken.
  std::vector<std::string> unattached() const;

  /// Writes up, down and alpha of every adapter. `dtype`: kF32, kF16 or kBF16.
  void save(const std::filesystem::path& file, SafeDtype dtype,
            const std::map<std::string, std::string>& metadata = {}) const;

  int64_t size() const { return static_cast<int64_t>(adapters_.size()); }

 private:
  void add(const std::string& name, std::shared_ptr<Lora> adapter);

  struct Entry {
    std::shared_ptr<Lora> adapter;
    bool attached = false;
  };

  std::map<std::string, Entry> adapters_;  // by file name
};

}  // namespace atelier

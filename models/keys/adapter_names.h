// Where adapters go in a model, and what files call the places (docs/formats/lora_keys.md). No torch.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/keys/single_file_keys.h"
#include "models/options/unet_options.h"

namespace atelier {

/// A projection as adapter files know it.
struct AdapterPlace {
  enum class Target {
    kTransformer,  // attention and MLP: every kind of adapter goes there
    kResnet,       // ResNet blocks, downsamplers, upsamplers: what LoCon adds
    kElsewhere,    // only adapters of files that have some there (LyCORIS' preset "full", OneTrainer)
  };

  std::string name;  // kohya's: "lora_unet_input_blocks_4_1_proj_in"
  Target target = Target::kElsewhere;
  std::vector<std::string> aliases;  // further module_id()s: "lora_unet_down_blocks_1_attentions_0_proj_in"
};

/// The place of the projection at `path` ("down_blocks.1.attentions.0.proj_in"), nullopt where files have no name for
/// it.
using LoraNaming = std::function<std::optional<AdapterPlace>(const std::string& path)>;

/// "lora_unet_" and the path in SDXL's original layout.
LoraNaming unet_lora_naming(const UNet2DConditionOptions& options);
/// "lora_te1_" or "lora_te2_" and transformers' path. REQUIRES encoder 1 or 2.
LoraNaming text_encoder_lora_naming(int encoder);

/// That of a part of a pipeline; empty for the autoencoder, where no adapters go. `unet`: of the same pipeline.
/// REQUIRES it for kUnet.
LoraNaming lora_naming(Part part, const std::optional<UNet2DConditionOptions>& unet);

/// Of a convolution with a kernel larger than 1x1: what LoCon's conv_dim is for. `shape`: of a weight, or of the factor
/// of an adapter that holds the kernel.
bool is_spatial(std::span<const int64_t> shape);

/// A tensor of an adapter file.
struct AdapterKey {
  std::string module;  // as in the file
  std::string tensor;  // in one spelling: "lora_down.weight", "hada_w1_a", "dora_scale", "alpha", ...
};

/// Splits a tensor's name: kohya's, LyCORIS', PEFT's and diffusers' spellings. nullopt for what is no known part of an
/// adapter.
std::optional<AdapterKey> parse_adapter_key(std::string_view key);

/// The name under which places and aliases know a module of a file: prefixes of PEFT, diffusers and LyCORIS' wrapper
/// become kohya's, dots become underscores. Other names come out as they are.
std::string module_id(std::string_view module);

}  // namespace atelier

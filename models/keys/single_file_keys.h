// The parts of a single-file SDXL checkpoint: what their keys begin with, and which other keys such files hold.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "configs/base/safetensors.h"
#include "models/keys/key_map.h"

namespace atelier {

/// The networks of a pipeline.
enum class Part { kTextEncoder, kTextEncoder2, kUnet, kVae };

/// The part's folder in a diffusers pipeline: "text_encoder_2".
std::string_view part_name(Part part);

/// The part's weights within its folder, as diffusers and transformers call them.
std::string_view weights_file_name(Part part);

/// What the keys of a part begin with in SDXL's files ("model.diffusion_model."). The refiner's only text encoder is
/// the second kind, in the first one's place.
std::string_view part_prefix(Part part, bool refiner);

/// The parts that the file holds under sgm's names, with what their keys begin with: nothing where the file is a UNet
/// or a VAE alone without the prefix. Empty for a file in another layout.
std::map<Part, std::string> parts_of_file(const SafetensorsFile& file);

/// A key that every program leaves out when it reads a checkpoint: buffers that are computed, remains of training,
/// markers.
bool is_harmless_key(std::string_view key);

/// Empty tensors by which a checkpoint says how it was trained.
constexpr std::string_view kVPredictionMarker = "v_pred";
constexpr std::string_view kZeroSnrMarker = "ztsnr";

/// Keys of the sgm layout that diffusers has no tensor for, behind the part's prefix.
constexpr std::string_view kPositionIds = "text_model.embeddings.position_ids";  // I64 [1, 77], encoder 1
constexpr std::string_view kLogitScale = "logit_scale";                          // [], encoder 2

}  // namespace atelier

// What a weight file is, told from the names and shapes of its tensors, and the refusal of what is not SDXL.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "configs/base/safetensors.h"

namespace atelier {

/// A kind as `model inspect --json` names it, and as people do.
struct ModelKind {
  std::string id;     // "sdxl-checkpoint", "lora", "unet", "flux", ...; "unknown"
  std::string label;  // "SDXL checkpoint, single file"
  /// What it is or was made for: "sdxl", "sdxl-refiner", "sdxl-inpaint", "sdxl-edit", "sd1", "sd2", "sd3", "flux", ...;
  /// empty where that cannot be told.
  std::string family;
};

ModelKind guess_kind(const SafetensorsFile& file);

/// "sd1" -> "Stable Diffusion 1"; an unknown word comes back as it is.
std::string family_label(std::string_view family);

/// The family of a UNet by the width of the text it takes, "sdxl" for 2048; empty for a width that none has.
std::string_view family_of_text_width(int64_t width);

/// The part of a pipeline that the tensor `key` of a whole checkpoint or an adapter belongs to, under diffusers' names:
/// "unet", "vae", "text_encoder", "text_encoder_2", ...; empty for a component file's own names.
std::string_view component_of(std::string_view key);

/// For readers of SDXL single files, before any key is mapped: throws WeightsError "this is X, not an SDXL checkpoint"
/// with the way out for an adapter, a lone component, the refiner, an inpainting or editing model, and checkpoints of
/// Stable Diffusion 1 to 3, Flux and so on. A small model with SDXL's names passes; so does one with missing tensors,
/// which the loader names.
void require_sdxl_checkpoint(const SafetensorsFile& file);

/// For readers of adapters (LoRA and its kin, any naming): WeightsError for files that hold none, and for adapters of
/// another model than SDXL. One whose model cannot be told passes.
void require_sdxl_adapter(const SafetensorsFile& file);

}  // namespace atelier

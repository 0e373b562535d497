// Names of modules and parameters in diffusers' (and transformers') layout and in that of SDXL's single files, which
// the authors of SDXL call sgm: one table a network, both ways. Names carry no component prefix here
// ("model.diffusion_model.", "first_stage_model.", "conditioner.embedders.0.transformer." and the like belong to the
// file, models/weights/single_file.h).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/options/clip_options.h"
#include "models/options/unet_options.h"
#include "models/options/vae_options.h"

namespace atelier {

/// Translates dotted paths by the longest rule that is a whole path or ends at a dot of it: with the rule
/// {"down_blocks.1.attentions.0", "input_blocks.4.1"}, "down_blocks.1.attentions.0.norm.weight" becomes
/// "input_blocks.4.1.norm.weight". Modules and parameters go through the same rules.
class KeyMap {
 public:
  /// REQUIRES different diffusers paths. One sgm path may stand for several of them: a tensor of the sgm layout that
  /// holds several of ours one below the other, in the order of the rules.
  explicit KeyMap(const std::vector<std::pair<std::string, std::string>>& diffusers_and_sgm);

  /// nullopt for a name that the network does not have.
  std::optional<std::string> to_sgm(std::string_view diffusers) const;
  /// nullopt likewise, and for a tensor that stands for several.
  std::optional<std::string> to_diffusers(std::string_view sgm) const;
  /// All that `sgm` stands for, first rows first; empty for a name that the network does not have.
  std::vector<std::string> all_to_diffusers(std::string_view sgm) const;

 private:
  std::map<std::string, std::string, std::less<>> to_sgm_;
  std::map<std::string, std::vector<std::string>, std::less<>> to_diffusers_;
};

/// UNetModel of the sgm code: "input_blocks.4.1.transformer_blocks.0.attn1.to_q". Also SDXL's refiner.
KeyMap unet_key_map(const UNet2DConditionOptions& options);

/// The VAE of the sgm code: "decoder.up.3.block.0.nin_shortcut.weight". Its up levels count the other way, and the
/// weights of its attention are 1x1 convolutions [C, C, 1, 1] where diffusers has [C, C].
KeyMap vae_key_map(const AutoencoderKLOptions& options);

/// SDXL's first text encoder, which has transformers' names in either layout.
KeyMap clip_key_map();

/// open_clip's names: SDXL's second text encoder and the refiner's only one.
/// "transformer.resblocks.0.attn.in_proj_weight" stands for q, k and v; "text_projection" is the transpose of
/// transformers' "text_projection.weight".
KeyMap open_clip_key_map(const CLIPTextOptions& options);

// The names of today for a key of a component's own file, whatever wrote it.

/// transformers 5 leaves "text_model." out. Empty for a buffer, which versions before 4.31 wrote.
std::string current_clip_name(std::string_view key);
/// diffusers before 0.17 had other names for the attention's projections.
std::string current_vae_name(std::string_view key);

}  // namespace atelier

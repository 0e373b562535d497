// What is written about pictures: the text inside a PNG that the web UIs read, and the words around a grid.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "models/schedulers/samplers.h"
#include "trainer/prompting/prompts.h"

namespace atelier {

/// What made a picture besides its Shot.
struct PictureOrigin {
  std::string model;         // a name, no path
  std::string model_hash;    // as the web UIs show it; empty: not known
  std::string prompt_extra;  // " <lora:NAME:WEIGHT>", behind the prompt
  int64_t clip_skip = 2;
  std::vector<std::pair<std::string, std::string>> lora_hashes;  // name, hash
};

/// The text that A1111, Forge and ComfyUI show and read back from a PNG's chunk "parameters": prompt, negative prompt,
/// and a line of "Key: value" pairs as A1111's create_infotext writes them. REQUIRES the shot's width and height set.
std::string parameters_text(const Shot& shot, const Sampler& sampler, const PictureOrigin& origin);

/// What stands under each picture of a grid, and once under all: the settings that differ, and those that do not.
struct GridText {
  std::vector<std::string> labels;
  std::string legend;
};

/// `samplers`: one a shot. `model`: named in the legend.
GridText grid_text(std::span<const Shot> shots, std::span<const Sampler* const> samplers, const std::string& model);

}  // namespace atelier

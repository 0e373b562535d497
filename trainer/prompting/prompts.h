// What `sample` and the trainer's previews share about prompts: files of them, and the text inside a PNG.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace atelier {

/// One prompt a line; empty lines and those that begin with # are left out. ConfigError for a file without any.
std::vector<std::string> read_prompts(const std::filesystem::path& file);

/// How a picture was made.
struct PictureParameters {
  std::string prompt, negative_prompt;
  int64_t steps = 0;
  std::string_view sampler;  // as the web UIs call it: "DDIM"
  double guidance_scale = 0;
  uint64_t seed = 0;
  int64_t width = 0, height = 0;  // px
  std::string model;
};

/// The text that A1111, Forge and ComfyUI show and read back from a PNG's chunk "parameters".
std::string parameters_text(const PictureParameters& parameters);

}  // namespace atelier

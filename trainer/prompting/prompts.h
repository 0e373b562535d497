// What `sample` and the trainer's previews share about prompts: files of them with flags, and the pictures they ask
// for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/pipeline/picture_options.h"

namespace atelier {

/// One picture to make: everything that its numbers depend on besides the model.
struct Shot {
  std::string prompt, negative_prompt;
  uint64_t seed = 0;
  PictureOptions options;
};

/// One line of a prompt file, every setting resolved.
struct PromptLine {
  std::string prompt, negative_prompt;
  std::vector<uint64_t> seeds;  // one a picture; empty: the caller's
  PictureOptions options;
};

/// `PROMPT --n NEGATIVE --w PX --h PX --d SEED[,SEED...] --l GUIDANCE --s STEPS --ss SAMPLER`, and for SDXL's size
/// conditioning `--ow --oh` (original size), `--nw --nh` (the negative's) and `--ct --cl` (crop top and left):
/// sd-scripts' flags, in any order and case. What a line does not say is that of `defaults`. ConfigError at `where` for
/// another flag or a value that does not fit.
PromptLine parse_prompt_line(std::string_view line, const PromptLine& defaults, const std::string& where);

/// A file of such lines; empty ones and those that begin with # are left out. ConfigError for a file without any, and
/// as above with FILE:LINE.
std::vector<PromptLine> read_prompts(const std::filesystem::path& file, const PromptLine& defaults = {});

/// `count` pictures of a line with seeds counting up from its seed, or from `seed` where it gives none; of a line that
/// lists several seeds, one each.
void append_shots(const PromptLine& line, uint64_t seed, int64_t count, std::vector<Shot>& shots);

}  // namespace atelier

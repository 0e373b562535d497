// The options of `sample` and `model encode` that say how prompts are read.
#pragma once

#include <c10/core/Device.h>

#include <string>
#include <vector>

#include "data/options/prompt_options.h"
#include "tools/common/program.h"
#include "trainer/prompting/prompt_encoder.h"

namespace atelier {

struct PromptArguments {
  PromptOptions options = web_ui_prompt_options();
  std::vector<std::string> embeddings;  // FILE[:WORD]
};

/// --max-token-length, --token-chunking, --token-join, --clip-skip, --emphasis, --empty-negative, --embedding. The
/// defaults are the web UIs'.
void declare_prompt_options(CLI::App& app, PromptArguments& arguments);

/// An encoder with the embeddings in it, which warns of texts that are cut. ConfigError, WeightsError.
PromptEncoder make_prompt_encoder(const StableDiffusionXL& model, at::Device device, const PromptArguments& arguments);

}  // namespace atelier

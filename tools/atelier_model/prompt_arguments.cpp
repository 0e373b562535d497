#include "tools/atelier_model/prompt_arguments.h"

#include <CLI/CLI.hpp>
#include <filesystem>

#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

constexpr const char* kPlainText = "off";

/// "off", or the name of a way to apply weights.
void set_emphasis(const std::string& name, PromptOptions& options) {
  options.weighted_captions = name != kPlainText;
  if (options.weighted_captions) options.emphasis = name;
}

void add_embedding(PromptEncoder& encoder, const std::string& argument) {
  const size_t colon = argument.rfind(':');
  const bool has_word = colon != std::string::npos && !std::filesystem::exists(argument);
  encoder.add_embedding(argument.substr(0, has_word ? colon : std::string::npos),
                        has_word ? argument.substr(colon + 1) : "");
}

}  // namespace

void declare_prompt_options(CLI::App& app, PromptArguments& arguments) {
  PromptOptions& options = arguments.options;
  app.add_option("--max-token-length", options.max_token_length,
                 "tokens of a prompt that count: 75, 150, ...; 0: all, in as many chunks as it takes")
      ->check([](const std::string& value) {
        int64_t length = 0;
        const bool is_number = CLI::detail::lexical_cast(value, length);
        const bool fits = is_number && length >= 0 && length <= 64 * PromptOptions::kChunkTokens;
        return fits && length % PromptOptions::kChunkTokens == 0 ? "" : text("wanted a multiple of 75, not ", value);
      })
      ->capture_default_str();
  app.add_option("--token-chunking", options.token_chunking, "where long prompts are cut; BREAK always cuts")
      ->check(CLI::IsMember({"blind75", "by_separator", "explicit_break"}))
      ->capture_default_str();
  app.add_option("--token-join", options.token_join, "states of several chunks: full (web UIs) or inner (sd-scripts)")
      ->check(CLI::IsMember({"full", "inner"}))
      ->capture_default_str();
  app.add_option("--clip-skip", options.clip_skip, "layer of the text encoders, from the end")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option_function<std::string>(
         "--emphasis", [&options](const std::string& name) { set_emphasis(name, options); },
         "how the weights of (word:1.2) act; off: brackets and BREAK are text")
      ->check(CLI::IsMember({"no_norm", "original", "comfy", kPlainText}))
      ->default_str(options.emphasis);
  app.add_option("--empty-negative", options.empty_negative, "what an empty negative prompt is; model: as it says")
      ->check(CLI::IsMember({"model", "zeros", "encode"}))
      ->capture_default_str();
  app.add_option("--embedding", arguments.embeddings, "textual inversion and its word (its name); may be repeated")
      ->type_name("FILE[:WORD]")
      ->allow_extra_args(false);
}

PromptEncoder make_prompt_encoder(const StableDiffusionXL& model, at::Device device, const PromptArguments& arguments) {
  PromptEncoder encoder(model, device, arguments.options, /*warn_of_cuts=*/true);
  for (const std::string& embedding : arguments.embeddings) add_embedding(encoder, embedding);
  return encoder;
}

}  // namespace atelier

// The tokenizer folders of a diffusers pipeline, from the vocabulary that comes with the program.
#pragma once

#include <filesystem>

namespace atelier {

/// vocab.json, merges.txt, tokenizer_config.json and special_tokens_map.json, as transformers' CLIPTokenizer reads
/// them. `encoder` 1 pads with the end of text, 2 with "!". ConfigError if the vocabulary is missing.
void write_tokenizer_folder(const std::filesystem::path& folder, int encoder);

}  // namespace atelier

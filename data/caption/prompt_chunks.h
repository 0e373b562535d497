// A prompt cut into chunks of the length that CLIP takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "data/caption/clip_tokenizer.h"
#include "data/options/prompt_options.h"

namespace atelier {

/// A word whose token embeddings are replaced by vectors of its own (a textual inversion).
struct PromptWord {
  std::vector<int32_t> ids;  // what the tokenizer makes of it, without begin and end; not empty
  int64_t vectors = 0;       // positions that it takes, at most a chunk's
};

/// What stands between begin and end of one run of the encoder.
struct PromptChunk {
  struct Word {
    int64_t position;  // among `ids`
    size_t word;       // of the words given
    auto operator<=>(const Word&) const = default;
  };

  std::vector<int32_t> ids;    // at most a chunk's tokens; 0 where a word's vectors stand
  std::vector<float> weights;  // emphasis, one an id
  std::vector<Word> words;

  auto operator<=>(const PromptChunk&) const = default;
};

struct ChunkedPrompt {
  std::vector<PromptChunk> chunks;  // at least one; may be empty ones
  int64_t tokens = 0;               // of the text, begin and end not counted, those cut off included
  int64_t cut = 0;                  // of these, how many were cut off
};

/// Reads emphasis and BREAK as `options` say, then cuts (A1111's rules; sd-scripts' where `blind75` is without
/// emphasis). A word's vectors stay together. `capacity`: tokens of a chunk, without begin and end.
ChunkedPrompt chunk_prompt(std::string_view text, const ClipTokenizer& tokenizer, const PromptOptions& options,
                           std::span<const PromptWord> words = {}, int64_t capacity = PromptOptions::kChunkTokens);

/// bos, the chunk's ids, eos, and `pad` up to `length`, which must hold them: a row of an encoder's input.
std::vector<int32_t> chunk_input_ids(const PromptChunk& chunk, int32_t pad, int64_t length = ClipTokenizer::kLength);

}  // namespace atelier

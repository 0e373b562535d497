// How a text becomes what the text encoders are given: chunks, BREAK, emphasis, clip skip. Names are sd-scripts' where
// it has one. Training and previews take them from the `train` section, `sample` begins with web_ui_prompt_options().
#pragma once

#include <cstdint>
#include <string>

#include "configs/schema/field.h"

namespace atelier {

/// The defaults are those of training. BREAK ends a chunk where `weighted_captions` is on or `token_chunking` is not
/// blind75; else it is text like any other.
struct PromptOptions {
  /// Tokens of a chunk, begin and end not counted; CLIP has 77 positions.
  static constexpr int64_t kChunkTokens = 75;

  /// Tokens of a text, begin and end not counted: a multiple of 75; shorter texts are filled up with empty chunks,
  /// longer ones are cut. 0: as many chunks as the longest text of a call needs.
  int64_t max_token_length = kChunkTokens;
  std::string token_chunking = "blind75";  // blind75 | by_separator | explicit_break
  std::string token_join = "inner";        // inner | full
  int64_t clip_skip = 2;                   // transformers' hidden_states[-clip_skip], without the final norm
  bool weighted_captions = false;          // read (word:1.2), [word], \( as the web UIs do
  std::string emphasis = "no_norm";        // no_norm | original | comfy
  /// Not in a run's YAML. What the negative is told where its text is empty: `zeros`, `encode` (the empty text), or
  /// `model`: what model_index.json's force_zeros_for_empty_prompt says.
  std::string empty_negative = "model";
};

/// What users of A1111, Forge and ComfyUI expect: emphasis read, as many chunks as the text needs, cut at commas, 77
/// states a chunk.
inline PromptOptions web_ui_prompt_options() {
  PromptOptions options;
  options.max_token_length = 0;
  options.token_chunking = "by_separator";
  options.token_join = "full";
  options.weighted_captions = true;
  return options;
}

/// Adds the fields to the surrounding `train` section. That max_token_length is a multiple of 75 is checked by
/// check_run().
inline void describe_prompts(Section& section, PromptOptions& options) {
  section.field("max_token_length", options.max_token_length)
      .range(PromptOptions::kChunkTokens, 64 * PromptOptions::kChunkTokens)
      .unit("tokens")
      .doc("Tokens of a caption that count: 75, 150, 225, ... in chunks of 75; what is longer is cut.");
  section.field("token_chunking", options.token_chunking)
      .choices({"blind75", "by_separator", "explicit_break"})
      .doc(
          "Where a caption is cut into chunks. blind75: after every 75 tokens. by_separator: there too, but what "
          "stands "
          "behind a comma among the last 20 tokens moves on. explicit_break: only at the word BREAK, and what is "
          "longer "
          "is cut off. BREAK is plain text with blind75 and without weighted_captions.");
  section.field("token_join", options.token_join)
      .choices({"inner", "full"})
      .doc(
          "What the UNet sees of several chunks. inner: the first begin, 75 states a chunk, the last end (sd-scripts). "
          "full: 77 states a chunk (the web UIs).");
  section.field("clip_skip", options.clip_skip)
      .range(1, 64)
      .doc(
          "Layer of both text encoders whose output counts, from the end: 2, SDXL's, is the penultimate (clip skip 2 "
          "in the web UIs, clip_skip null or 0 in diffusers).");
  section.field("weighted_captions", options.weighted_captions)
      .doc("Read (word:1.2), [word] and BREAK as the web UIs do. Tags such as miku_(append) then need \\( and \\).");
  section.field("emphasis", options.emphasis)
      .choices({"no_norm", "original", "comfy"})
      .doc(
          "How weights act. no_norm: states times weight. original: then their mean is restored. comfy: away from the "
          "empty text's states.");
}

}  // namespace atelier

// Texts -> what the UNet is told. Here the tokenizer (data) meets the text encoders (models).
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "data/caption/clip_tokenizer.h"
#include "data/caption/prompt_chunks.h"
#include "data/options/prompt_options.h"
#include "models/clip/textual_inversion.h"
#include "models/pipeline/encode.h"
#include "models/pipeline/stable_diffusion_xl.h"

namespace atelier {

/// What both halves of classifier-free guidance are told: equally many states.
struct GuidedConditioning {
  Conditioning positive, negative;
};

/// Texts are cut into chunks of as many tokens as the model has positions (77), padded as each encoder wants it. Chunks
/// that are equal within a call run through the encoders once.
class PromptEncoder {
 public:
  /// `model` must outlive it. Where its text encoders are trained, the encoding carries their graph. `warn_of_cuts`:
  /// log each text of which something does not count.
  PromptEncoder(const StableDiffusionXL& model, at::Device device, PromptOptions options = {},
                bool warn_of_cuts = false);

  /// From now on `word` (empty: the file's name without its extension, as in A1111), wherever its tokens stand in a
  /// text, means the vectors of a textual-inversion file; of several words the longest counts. WeightsError for a file
  /// of another kind or another model, ConfigError for a word without letters or one that is there already.
  void add_embedding(const std::filesystem::path& file, const std::string& word = "");

  Conditioning encode(std::span<const std::string> texts) const;
  /// `negatives`: one a prompt. Both are given the same number of chunks, and an empty negative is what
  /// PromptOptions::empty_negative says.
  GuidedConditioning encode(std::span<const std::string> prompts, std::span<const std::string> negatives) const;

  /// Chunks that `text` needs by itself. With max_token_length 0 every text of a call is filled up to the longest
  /// one's, and that shows: pictures that shall not depend on their batch go into batches of equal chunk_count().
  int64_t chunk_count(const std::string& text) const;

 private:
  ChunkedPrompt chunk(const std::string& text) const;
  Conditioning encode_chunks(std::vector<ChunkedPrompt> prompts) const;
  at::Tensor input_ids(std::span<const PromptChunk> chunks, int encoder) const;  // [R, L]
  at::Tensor weights(std::span<const PromptChunk> chunks) const;                 // [R, L]
  std::vector<TokenVectors> vectors(std::span<const PromptChunk> chunks, int encoder) const;

  const StableDiffusionXL& model_;
  at::Device device_;
  PromptOptions options_;
  bool warn_of_cuts_;
  int64_t length_;  // positions of a chunk
  ClipTokenizer tokenizer_;
  std::vector<PromptWord> words_;
  std::vector<TextualInversion> inversions_;  // of words_, one by one
};

}  // namespace atelier

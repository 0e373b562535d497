// The tokenizer of both SDXL text encoders: byte-pair encoding over OpenAI CLIP's vocabulary.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace atelier {

/// Text -> ids exactly as transformers 5's fast CLIPTokenizer (Radford et al. 2021, "Learning Transferable Visual
/// Models From Natural Language Supervision"): NFC, runs of white space to one space, lower case, CLIP's word pattern,
/// byte-level BPE. HTML entities and full-width text stay as written; `!` is 256. Const members are thread-safe; words
/// seen are remembered.
class ClipTokenizer {
 public:
  static constexpr int32_t kBos = 49406;
  static constexpr int32_t kEos = 49407;
  /// A comma that ends a word, as in "a, b".
  static constexpr int32_t kComma = 267;
  static constexpr int32_t kVocabularySize = 49408;
  /// Tokens of one text that the encoders take, bos and eos included.
  static constexpr int64_t kLength = 77;

  /// The vocabulary that comes with the program.
  ClipTokenizer();
  /// `vocabulary`: OpenCLIP's bpe_simple_vocab_16e6.txt.gz. ConfigError if it cannot be read or has another form.
  explicit ClipTokenizer(const std::filesystem::path& vocabulary);
  ~ClipTokenizer();
  ClipTokenizer(ClipTokenizer&&) noexcept;
  ClipTokenizer& operator=(ClipTokenizer&&) noexcept;

  /// kBos, the ids of `text`, kEos; neither padded nor truncated. Bytes that are no UTF-8 are read as U+FFFD.
  std::vector<int32_t> encode(std::string_view text) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// `ids` (bos ... eos) as `length` of them: cut before an eos in the last place, or filled with `pad` behind the eos.
std::vector<int32_t> pad_or_truncate(std::span<const int32_t> ids, int32_t pad,
                                     int64_t length = ClipTokenizer::kLength);

/// What follows eos: encoder 1 (CLIP ViT-L) is filled with eos, encoder 2 (OpenCLIP bigG) with 0.
constexpr int32_t clip_pad_id(int encoder) { return encoder == 1 ? ClipTokenizer::kEos : 0; }

}  // namespace atelier

// CLIP's byte-pair vocabulary: bytes and merges as ids.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace atelier {

/// Ids: 0..255 the bytes, 256..511 the same at the end of a word, 512.. the merges in the order they are applied (so a
/// lower id is an earlier merge), then start and end of text.
class ClipVocabulary {
 public:
  static constexpr int32_t kFirstMerge = 512;
  static constexpr int32_t kMergeCount = 48894;
  static constexpr int32_t kWordEnd = 256;  // added to a byte's id
  static constexpr int32_t kNone = -1;

  /// OpenCLIP's bpe_simple_vocab_16e6.txt.gz: a line of version, then a merge a line ("i n"). ConfigError otherwise.
  explicit ClipVocabulary(const std::filesystem::path& path);

  int32_t byte_id(uint8_t byte) const { return byte_ids_[byte]; }
  /// The id that `left` and `right` merge into, or kNone.
  int32_t merged(int32_t left, int32_t right) const;

 private:
  struct Slot {
    uint64_t pair = UINT64_MAX;
    int32_t id = kNone;
  };
  void insert(int32_t left, int32_t right, int32_t id);
  size_t slot_of(uint64_t pair) const;

  std::array<int32_t, 256> byte_ids_;
  std::vector<Slot> slots_;  // open addressing, a power of two
};

/// The same vocabulary as other programs' files write it.
struct ClipVocabularyText {
  std::vector<std::string> names;   // by id: "!", ..., "!</w>", ..., "in", ..., "<|startoftext|>", "<|endoftext|>"
  std::vector<std::string> merges;  // "i n", in the order they are applied
};

/// ConfigError as ClipVocabulary's.
ClipVocabularyText read_clip_vocabulary_text(const std::filesystem::path& path);

}  // namespace atelier

// `dataset.captions` made ready: names resolved, expressions parsed, dictionaries read. Every mistake is found here.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/caption/keep_expression.h"
#include "data/caption/paraphrases.h"
#include "data/caption/tag_sets.h"
#include "data/caption/weighted_choice.h"
#include "data/options/caption_options.h"

namespace atelier {

/// What a group of tags is made of.
enum class CaptionPart : uint8_t { kCount, kCharacter, kCopyright, kArtist, kGeneral, kMeta, kRating, kQuality, kYear };

struct CaptionGroup {
  std::vector<CaptionPart> parts;
  bool fixed = false;
  bool breaks = false;  // begins a new chunk
  double dropout = 0;
};

struct DropLevel {
  double p = 0;  // of its own draw, or of all captions: drop_levels.mode
  KeepExpression keep;
  uint32_t protect = 0;  // bits of tag_sets
};

/// Immutable; shared by all threads.
struct CaptionPolicy {
  /// ConfigError, each naming `where` + the key.
  CaptionPolicy(const CaptionOptions& given, const std::string& where = "dataset.captions");
  CaptionPolicy();

  /// The bits of tag_sets that a tag ("long_hair") of a category ("general") is in. Patterns make it slow: callers keep
  /// what they know.
  uint32_t tag_sets_of(std::string_view tag, std::string_view category, int64_t count) const;

  CaptionOptions options;
  std::vector<CaptionGroup> groups;
  TagSets tag_sets;
  uint32_t left_out = 0;  // bits of tag_sets
  std::vector<DropLevel> levels;
  Paraphrases paraphrases;
  WeightedChoice words_from, join_separators;
  std::vector<double> frequency_dropout;  // by CaptionPart; 0: none
  /// The tag sets of the words for ratings, qualities and years, by text.
  std::map<std::string, uint32_t, std::less<>> sets_of_words;
  /// Some operator reads a written caption as tags.
  bool cuts_captions = false;
};

}  // namespace atelier

// A sample's caption: a pure function of what its post offers, the options, and (seed, id, epoch, repeat).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/options/caption_options.h"

namespace atelier {

/// What a post offers. Views must live during the call.
struct CaptionSource {
  /// A caption of its own (a sidecar's first line); without one the tags are written.
  std::optional<std::string_view> caption;
  /// Tags as the booru spells them ("long_hair").
  std::vector<std::string_view> artist, character, copyright, general, meta;
  /// "general", "sensitive", "questionable", "explicit", or empty.
  std::string_view rating;
};

/// Which use of a sample is captioned: every draw is keyed by it.
struct CaptionKey {
  uint64_t seed = 0;
  std::string_view id;
  int64_t epoch = 0, repeat = 0;
};

/// Applies the operators of data/caption/caption_operators.h in their order.
std::string make_caption(const CaptionSource& source, const CaptionOptions& options, const CaptionKey& key);

/// "long_hair" -> "long hair"; names of at most three characters and kaomoji ("^_^", "o_o", "|_|") keep their
/// underscore, as captions of published models write them.
std::string tag_as_text(std::string_view tag);

/// True for tags that number the people seen: 1girl .. 6+girls, boys and others alike, multiple_*, solo.
bool is_count_tag(std::string_view tag);

}  // namespace atelier

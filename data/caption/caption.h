// A sample's caption: a pure function of what its post offers, the policy, and (seed, id, epoch, repeat, step).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/caption/caption_policy.h"
#include "data/post/post.h"

namespace atelier {

/// A tag as the booru spells it ("long_hair").
struct SourceTag {
  std::string_view name;
  TagCategory category = TagCategory::kGeneral;
  int64_t count = 0;                         // posts of the dataset that carry it
  std::optional<uint32_t> in_tag_sets = {};  // CaptionPolicy::tag_sets() of it, where they are known already
};

/// What a post offers. Views must live during the call.
struct CaptionSource {
  /// Captions of its own: the sidecar's lines, or the record's.
  std::vector<std::string_view> captions;
  /// The first of them is where the tags come from.
  bool caption_is_tags = false;
  std::vector<SourceTag> tags;
  /// "general", "safe", "sensitive", "questionable", "explicit", or empty.
  std::string_view rating;
  std::optional<int32_t> year;
  /// The word of its rank (data/caption/quality_ranks.h), or empty.
  std::string_view quality;
  /// Written when there are neither captions nor tags.
  std::string_view class_tokens;
};

/// Which use of a sample is captioned: every draw is keyed by it.
struct CaptionKey {
  uint64_t seed = 0;
  std::string_view id;
  int64_t epoch = 0, repeat = 0;
  int64_t step = 0, total_steps = 0;  // optimizer steps before it, and of the run: what token_warmup_step counts
};

/// A caption, and how it was thinned out: the index of its drop level, -1 for none.
struct Caption {
  std::string text;
  int32_t level = -1;
};

/// Applies the operators of data/caption/caption_operators.h in their order.
Caption make_caption(const CaptionSource& source, const CaptionPolicy& policy, const CaptionKey& key);

}  // namespace atelier

// The operators that make a caption, one a file; data/caption/caption.cpp lists them in their order.
#pragma once

#include <cstdint>
#include <string_view>

#include "configs/base/random.h"
#include "data/caption/caption.h"
#include "data/caption/caption_draft.h"

namespace atelier {

struct CaptionContext {
  const CaptionSource& source;
  const CaptionPolicy& policy;
  const CaptionOptions& options;  // the policy's
  const CaptionKey& key;
  uint64_t id_hash;

  /// The draws named `stream` of this use of the sample.
  CounterRng draws(std::string_view stream) const {
    return CounterRng(key.seed, stream, {id_hash, static_cast<uint64_t>(key.epoch), static_cast<uint64_t>(key.repeat)});
  }
};

using CaptionOperator = void (*)(const CaptionContext& context, CaptionDraft& draft);

void draw_drop_level(const CaptionContext& context, CaptionDraft& draft);
void compose_caption(const CaptionContext& context, CaptionDraft& draft);
void add_caption_affixes(const CaptionContext& context, CaptionDraft& draft);
void drop_caption(const CaptionContext& context, CaptionDraft& draft);
void expand_wildcards(const CaptionContext& context, CaptionDraft& draft);
void cut_caption(const CaptionContext& context, CaptionDraft& draft);
void drop_caption_groups(const CaptionContext& context, CaptionDraft& draft);
void drop_frequent_tags(const CaptionContext& context, CaptionDraft& draft);
void shuffle_caption_groups(const CaptionContext& context, CaptionDraft& draft);
void warm_up_caption(const CaptionContext& context, CaptionDraft& draft);
void shuffle_caption(const CaptionContext& context, CaptionDraft& draft);
void drop_caption_tags(const CaptionContext& context, CaptionDraft& draft);
void drop_tags_by_level(const CaptionContext& context, CaptionDraft& draft);
void add_register_token(const CaptionContext& context, CaptionDraft& draft);
void spell_tags(const CaptionContext& context, CaptionDraft& draft);
void paraphrase_tags(const CaptionContext& context, CaptionDraft& draft);
void join_caption(const CaptionContext& context, CaptionDraft& draft);

}  // namespace atelier

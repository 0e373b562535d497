#include "data/caption/caption.h"

#include "configs/base/hash.h"
#include "data/caption/caption_operators.h"

namespace atelier {
namespace {

/// sd-scripts' operators in its order; ours between them where its text has become tags.
constexpr CaptionOperator kOperators[] = {
    draw_drop_level, compose_caption,     add_caption_affixes, drop_caption,           expand_wildcards,
    cut_caption,     drop_caption_groups, drop_frequent_tags,  shuffle_caption_groups, warm_up_caption,
    shuffle_caption, drop_caption_tags,   drop_tags_by_level,  add_register_token,     spell_tags,
    paraphrase_tags, join_caption,
};

}  // namespace

Caption make_caption(const CaptionSource& source, const CaptionPolicy& policy, const CaptionKey& key) {
  const CaptionContext context{source, policy, policy.options, key, hash64(key.id)};
  CaptionDraft draft;
  for (const CaptionOperator apply : kOperators) {
    apply(context, draft);
    if (draft.dropped) return {};
  }
  return {std::move(draft.text()), draft.level};
}

}  // namespace atelier

// caption_tag_dropout_rate: each tag that is not kept goes by its own draw.
#include "data/caption/caption_operators.h"

namespace atelier {

void drop_caption_tags(const CaptionContext& context, CaptionDraft& draft) {
  const double rate = context.options.caption_tag_dropout_rate;
  if (rate <= 0) return;
  CounterRng draws = context.draws("caption tag dropout");
  std::erase_if(draft.tags(), [&](const DraftTag& tag) { return !tag.fixed && draws.uniform() < rate; });
}

}  // namespace atelier

// caption_dropout_rate: the whole caption goes, so that the model learns what classifier-free guidance starts from.
#include "data/caption/caption_operators.h"

namespace atelier {

void drop_caption(const CaptionContext& context, CaptionDraft& draft) {
  if (context.options.caption_dropout_rate <= 0) return;
  if (context.draws("caption dropout").uniform() < context.options.caption_dropout_rate) draft.set_text("");
}

}  // namespace atelier

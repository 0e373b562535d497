// caption_dropout_rate and caption_dropout_every_n_epochs: the whole caption goes, so that the model learns what
// classifier-free guidance starts from.
#include "data/caption/caption_operators.h"

namespace atelier {

void drop_caption(const CaptionContext& context, CaptionDraft& draft) {
  const double rate = context.options.caption_dropout_rate;
  const int64_t every = context.options.caption_dropout_every_n_epochs;
  draft.dropped = rate > 0 && context.draws("caption dropout").uniform() < rate;
  if (every > 0 && (context.key.epoch + 1) % every == 0) draft.dropped = true;  // sd-scripts counts epochs from 1
}

}  // namespace atelier

// shuffle_caption: the tags that are not kept in a new order (Fisher-Yates); kept ones stay in their places.
#include <utility>

#include "data/caption/caption_operators.h"

namespace atelier {

void shuffle_caption(const CaptionContext& context, CaptionDraft& draft) {
  if (!context.options.shuffle_caption) return;
  std::vector<DraftTag>& tags = draft.tags();
  std::vector<size_t> free;
  for (size_t i = 0; i < tags.size(); ++i) {
    if (!tags[i].fixed) free.push_back(i);
  }
  CounterRng draws = context.draws("caption shuffle");
  for (size_t left = free.size(); left > 1; --left) std::swap(tags[free[left - 1]], tags[free[draws.below(left)]]);
}

}  // namespace atelier

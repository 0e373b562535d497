// shuffle_caption: the tags after the first keep_tokens in a new order (Fisher-Yates).
#include <algorithm>
#include <utility>

#include "data/caption/caption_operators.h"

namespace atelier {

void shuffle_caption(const CaptionContext& context, CaptionDraft& draft) {
  if (!context.options.shuffle_caption) return;
  std::vector<std::string>& tags = draft.tags(context.options.caption_separator);
  const size_t kept = std::min(tags.size(), static_cast<size_t>(context.options.keep_tokens));
  CounterRng draws = context.draws("caption shuffle");
  for (size_t left = tags.size() - kept; left > 1; --left) {
    std::swap(tags[kept + left - 1], tags[kept + draws.below(left)]);
  }
}

}  // namespace atelier

// caption_tag_dropout_rate: each tag after the first keep_tokens goes by its own draw.
#include <algorithm>

#include "data/caption/caption_operators.h"

namespace atelier {

void drop_caption_tags(const CaptionContext& context, CaptionDraft& draft) {
  const double rate = context.options.caption_tag_dropout_rate;
  if (rate <= 0) return;
  std::vector<std::string>& tags = draft.tags(context.options.caption_separator);
  const size_t kept = std::min(tags.size(), static_cast<size_t>(context.options.keep_tokens));
  CounterRng draws = context.draws("caption tag dropout");
  const auto gone = std::remove_if(tags.begin() + static_cast<std::ptrdiff_t>(kept), tags.end(),
                                   [&](const std::string&) { return draws.uniform() < rate; });
  tags.erase(gone, tags.end());
}

}  // namespace atelier

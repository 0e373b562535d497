// group_dropout: groups of tags, all tags, or the sample's own caption beside them, are left out as a whole.
#include "data/caption/caption_operators.h"

namespace atelier {

void drop_caption_groups(const CaptionContext& context, CaptionDraft& draft) {
  const auto& rates = context.options.group_dropout;
  if (rates.empty() || draft.is_text()) return;
  const auto rate_of = [&rates](const std::string& name) { return rates.contains(name) ? rates.at(name) : 0; };
  CounterRng draws = context.draws("caption group dropout");
  const bool no_tags = draws.uniform() < rate_of("tags"), no_caption = draws.uniform() < rate_of("caption");
  std::vector<bool> gone;
  for (const CaptionGroup& group : context.policy.groups) gone.push_back(draws.uniform() < group.dropout);
  std::erase_if(draft.tags(), [&](const DraftTag& tag) {
    if (tag.sentence) return no_caption;
    return no_tags || (!tag.category.empty() && gone[static_cast<size_t>(tag.group)]);
  });
}

}  // namespace atelier

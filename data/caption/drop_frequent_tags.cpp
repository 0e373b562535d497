// frequency_dropout: a tag of n posts goes with the chance 1 - T / n, so that what is frequent is named about T times.
#include <algorithm>

#include "data/caption/caption_operators.h"

namespace atelier {
namespace {

double threshold_of(const CaptionPolicy& policy, const DraftTag& tag) {
  return tag.part ? policy.frequency_dropout[static_cast<size_t>(*tag.part)] : 0;
}

}  // namespace

void drop_frequent_tags(const CaptionContext& context, CaptionDraft& draft) {
  if (context.options.frequency_dropout.empty() || draft.is_text()) return;
  CounterRng draws = context.draws("caption frequency dropout");
  std::erase_if(draft.tags(), [&](const DraftTag& tag) {
    const double threshold = threshold_of(context.policy, tag);
    if (tag.fixed || threshold <= 0 || static_cast<double>(tag.count) <= threshold) return false;
    return draws.uniform() < 1 - threshold / static_cast<double>(tag.count);
  });
}

}  // namespace atelier

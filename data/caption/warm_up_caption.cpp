// token_warmup_step: at first only the beginning of what is not kept is seen, more with every step, until all of it is.
#include <cmath>

#include "data/caption/caption_operators.h"

namespace atelier {

void warm_up_caption(const CaptionContext& context, CaptionDraft& draft) {
  const CaptionOptions& options = context.options;
  if (options.token_warmup_step <= 0) return;
  const CaptionKey& key = context.key;
  const double steps = options.token_warmup_step < 1
                           ? std::floor(options.token_warmup_step * static_cast<double>(key.total_steps))
                           : options.token_warmup_step;
  const auto step = static_cast<double>(key.step), least = static_cast<double>(options.token_warmup_min);
  if (step >= steps) return;
  std::vector<DraftTag>& tags = draft.tags();
  const auto free = static_cast<double>(std::ranges::count(tags, false, &DraftTag::fixed));
  double left = std::floor(step * ((free - least) / steps)) + least;
  std::erase_if(tags, [&left](const DraftTag& tag) { return !tag.fixed && left-- <= 0; });
}

}  // namespace atelier

// caption_prefix and caption_suffix.
#include "data/caption/caption_operators.h"

namespace atelier {

void add_caption_affixes(const CaptionContext& context, CaptionDraft& draft) {
  const CaptionOptions& options = context.options;
  if (!options.caption_prefix.empty()) draft.add_prefix(options.caption_prefix, options.caption_separator);
  if (!options.caption_suffix.empty()) draft.add_suffix(options.caption_suffix, options.caption_separator);
}

}  // namespace atelier

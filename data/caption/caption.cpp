#include "data/caption/caption.h"

#include "data/caption/caption_operators.h"

namespace atelier {
namespace {

/// In sd-scripts' order.
constexpr CaptionOperator kOperators[] = {
    compose_caption, add_caption_affixes, drop_caption, shuffle_caption, drop_caption_tags,
};

}  // namespace

std::string make_caption(const CaptionSource& source, const CaptionOptions& options, const CaptionKey& key) {
  const CaptionContext context{source, options, key};
  CaptionDraft draft;
  for (const CaptionOperator apply : kOperators) apply(context, draft);
  return std::move(draft).finish();
}

}  // namespace atelier

// Tags become a text again: a separator drawn from join_separators, BREAK before the groups that ask for it, and
// caption_separator in place of secondary_separator.
#include "data/caption/caption_operators.h"

namespace atelier {
namespace {

constexpr std::string_view kUsualSeparator = ", ", kBreak = " BREAK ";

bool begins_chunk(const CaptionPolicy& policy, const std::vector<DraftTag>& tags, size_t i) {
  if (tags[i].category.empty() || !policy.groups[static_cast<size_t>(tags[i].group)].breaks) return false;
  return tags[i - 1].group != tags[i].group;
}

std::string join_tags(const CaptionContext& context, const std::vector<DraftTag>& tags) {
  const WeightedChoice& choice = context.policy.join_separators;
  std::string drawn;
  if (!choice.empty()) {
    CounterRng draws = context.draws("caption separator");
    drawn = choice.draw(draws);
  }
  const std::string_view separator = choice.empty() ? kUsualSeparator : drawn;
  size_t size = 0;
  for (const DraftTag& tag : tags) size += tag.text.size() + kBreak.size();
  std::string out;
  out.reserve(size);
  for (size_t i = 0; i < tags.size(); ++i) {
    if (i > 0) out += begins_chunk(context.policy, tags, i) ? kBreak : separator;
    out += tags[i].text;
  }
  return out;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

void join_caption(const CaptionContext& context, CaptionDraft& draft) {
  if (!draft.is_text()) draft.set_text(join_tags(context, draft.tags()));
  const CaptionOptions& options = context.options;
  if (!options.secondary_separator.empty()) {
    replace_all(draft.text(), options.secondary_separator, options.caption_separator);
  }
}

}  // namespace atelier

// A written caption becomes tags where an operator needs them; which tags are kept (keep_tokens, separators) is said
// here, once for all of them. As in sd-scripts, empty pieces stay tags unless keep_tokens_separator cuts.
#include <algorithm>

#include "configs/base/text.h"
#include "data/caption/caption_operators.h"

namespace atelier {
namespace {

void append(std::string_view text, std::string_view separator, bool fixed, bool with_empty, int32_t group,
            std::vector<DraftTag>& tags) {
  for (const std::string_view piece : cut_pieces(text, separator)) {
    if (piece.empty() && !with_empty) continue;
    DraftTag& tag = tags.emplace_back();
    tag.text = piece;
    tag.group = group;
    tag.fixed = fixed;
  }
}

/// kept ||| free ||| kept
std::vector<DraftTag> cut_at_kept(std::string_view text, const CaptionOptions& options) {
  const std::string_view mark = options.keep_tokens_separator, separator = options.caption_separator;
  std::vector<DraftTag> tags;
  const size_t first = text.find(mark), begin = first + mark.size(), second = text.find(mark, begin);
  append(text.substr(0, first), separator, true, false, DraftTag::kWritten, tags);
  append(text.substr(begin, second - begin), separator, false, false, DraftTag::kWritten, tags);
  if (second != text.npos) {
    append(text.substr(second + mark.size()), separator, true, false, DraftTag::kWritten, tags);
  }
  return tags;
}

std::vector<DraftTag> cut_into_groups(std::string_view text, const CaptionOptions& options) {
  std::vector<DraftTag> tags;
  int32_t group = 0;
  for (const std::string_view part : cut_pieces(text, options.group_separator)) {
    append(part, options.caption_separator, group == 0, false, group, tags);
    ++group;
  }
  return tags;
}

bool holds(std::string_view text, const std::string& mark) { return !mark.empty() && text.find(mark) != text.npos; }

void keep_first(std::vector<DraftTag>& tags, int64_t count) {
  for (size_t i = 0; i < std::min(tags.size(), static_cast<size_t>(count)); ++i) tags[i].fixed = true;
}

}  // namespace

void cut_caption(const CaptionContext& context, CaptionDraft& draft) {
  const CaptionOptions& options = context.options;
  if (!draft.is_text()) return keep_first(draft.tags(), options.keep_tokens);
  const std::string text = draft.text();
  if (holds(text, options.group_separator)) return draft.set_tags(cut_into_groups(text, options));
  if (!context.policy.cuts_captions) return;
  if (holds(text, options.keep_tokens_separator)) return draft.set_tags(cut_at_kept(text, options));
  std::vector<DraftTag> tags;
  if (const std::string_view written = trim(text); !written.empty()) {
    append(written, options.caption_separator, false, true, DraftTag::kWritten, tags);
  }
  keep_first(tags, options.keep_tokens);
  draft.set_tags(std::move(tags));
}

}  // namespace atelier

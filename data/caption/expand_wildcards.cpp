// enable_wildcard: one line of several, and one of each {a|b|c}; {{ and }} are braces. As sd-scripts: the pattern is
// \{([^}]+)\}, alternatives may be empty, and nothing is nested.
#include "configs/base/text.h"
#include "data/caption/caption_operators.h"

namespace atelier {
namespace {

/// Stand for braces that are written double; captions hold no NUL.
constexpr std::string_view kOpen("\0(", 2), kClose("\0)", 2);

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  for (size_t at = text.find(from); at != text.npos; at = text.find(from)) {
    out.append(text.substr(0, at)).append(to);
    text.remove_prefix(at + from.size());
  }
  return out.append(text);
}

std::string draw_alternatives(std::string_view text, CounterRng& draws) {
  std::string out;
  while (true) {
    const size_t open = text.find('{');
    const size_t close = open == text.npos ? text.npos : text.find('}', open);
    if (close == text.npos) return out.append(text);
    out.append(text.substr(0, open));
    if (close == open + 1) {
      out.append("{}");  // nothing to draw from: text
    } else {
      const std::vector<std::string_view> words = split(text.substr(open + 1, close - open - 1), '|');
      out.append(words[draws.below(words.size())]);
    }
    text.remove_prefix(close + 1);
  }
}

std::string expand(std::string_view text, CounterRng& draws) {
  const std::vector<std::string_view> lines = split(text, '\n');
  const std::string_view line = lines.size() == 1 ? lines[0] : lines[draws.below(lines.size())];
  if (line.find_first_of("{}") == line.npos) return std::string(line);
  const std::string hidden = replace_all(replace_all(line, "{{", kOpen), "}}", kClose);
  return replace_all(replace_all(draw_alternatives(hidden, draws), kOpen, "{"), kClose, "}");
}

}  // namespace

void expand_wildcards(const CaptionContext& context, CaptionDraft& draft) {
  if (!context.options.enable_wildcard) return;
  CounterRng draws = context.draws("caption wildcards");
  if (draft.is_text()) return draft.set_text(expand(draft.text(), draws));
  for (DraftTag& tag : draft.tags()) {
    if (tag.sentence || tag.group == DraftTag::kWritten) tag.text = expand(tag.text, draws);
  }
}

}  // namespace atelier

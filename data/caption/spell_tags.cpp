// spelling: capitals, lower case, and spaces for - and _, drawn tag by tag. Faces and sentences keep theirs.
#include <algorithm>
#include <cctype>

#include "configs/base/text.h"
#include "data/caption/caption_operators.h"
#include "data/caption/tag_text.h"

namespace atelier {
namespace {

void draw_case(const SpellingOptions& options, std::string& tag, CounterRng& draws) {
  const double number = draws.uniform();
  if (number < options.capitalize) {
    tag.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(tag.front())));
  } else if (number < options.capitalize + options.lower_case) {
    tag = lower_ascii(tag);
  }
}

void draw_spaces(char mark, double chance, std::string& tag, CounterRng& draws) {
  if (chance > 0 && tag.find(mark) != tag.npos && draws.uniform() < chance) std::ranges::replace(tag, mark, ' ');
}

}  // namespace

void spell_tags(const CaptionContext& context, CaptionDraft& draft) {
  const SpellingOptions& options = context.options.spelling;
  const bool cases = options.capitalize > 0 || options.lower_case > 0;
  if (!cases && options.hyphen_to_space <= 0 && options.underscore_to_space <= 0) return;
  CounterRng draws = context.draws("caption spelling");
  for (DraftTag& tag : draft.tags()) {
    if (tag.sentence || tag.text.empty() || is_face(tag.text)) continue;
    if (cases) draw_case(options, tag.text, draws);
    draw_spaces('-', options.hyphen_to_space, tag.text, draws);
    draw_spaces('_', options.underscore_to_space, tag.text, draws);
  }
}

}  // namespace atelier

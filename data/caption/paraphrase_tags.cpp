// paraphrase: other words for tags that the dictionary has; a variant of no words leaves the tag out.
#include "data/caption/caption_operators.h"

namespace atelier {

void paraphrase_tags(const CaptionContext& context, CaptionDraft& draft) {
  const Paraphrases& dictionary = context.policy.paraphrases;
  if (dictionary.empty()) return;
  const double probability = context.options.paraphrase.probability;
  CounterRng draws = context.draws("caption paraphrase");
  std::erase_if(draft.tags(), [&](DraftTag& tag) {
    const std::string* words = tag.sentence ? nullptr : dictionary.draw(tag.text, draws);
    if (!words || draws.uniform() >= probability) return false;
    tag.text = *words;
    return tag.text.empty();
  });
}

}  // namespace atelier

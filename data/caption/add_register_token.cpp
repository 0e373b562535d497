// register_token: a random word at the end takes up what no tag explains ("quasi-register tokens").
#include "data/caption/caption_operators.h"

namespace atelier {

void add_register_token(const CaptionContext& context, CaptionDraft& draft) {
  const RegisterTokenOptions& options = context.options.register_token;
  if (options.probability <= 0) return;
  CounterRng draws = context.draws("caption register token");
  if (draws.uniform() >= options.probability) return;
  const auto spread = static_cast<uint64_t>(options.max_length - options.min_length + 1);
  const auto length = static_cast<size_t>(options.min_length) + draws.below(spread);
  DraftTag& tag = draft.tags().emplace_back();
  tag.fixed = tag.sentence = true;  // spelled as it is
  for (size_t i = 0; i < length; ++i) tag.text += options.alphabet[draws.below(options.alphabet.size())];
}

}  // namespace atelier

// The operators that make a caption, one a file; data/caption/caption.cpp lists them in their order.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "configs/base/random.h"
#include "data/caption/caption.h"

namespace atelier {

/// A caption in the making: a text that stays as it is written until an operator asks for its tags.
class CaptionDraft {
 public:
  void set_text(std::string text);
  void set_tags(std::vector<std::string> tags);
  /// Written before and after what is there, with a space.
  void add_prefix(std::string_view prefix);
  void add_suffix(std::string_view suffix);

  /// The text cut at `separator`, each piece trimmed; from now on the draft is these tags.
  std::vector<std::string>& tags(std::string_view separator);

  /// The text, or the tags joined with ", ".
  std::string finish() &&;

 private:
  std::string text_;
  std::vector<std::string> tags_;
  bool split_ = false;
};

struct CaptionContext {
  const CaptionSource& source;
  const CaptionOptions& options;
  const CaptionKey& key;

  /// The draws named `stream` of this use of the sample.
  CounterRng draws(std::string_view stream) const;
};

using CaptionOperator = void (*)(const CaptionContext& context, CaptionDraft& draft);

void compose_caption(const CaptionContext& context, CaptionDraft& draft);
void add_caption_affixes(const CaptionContext& context, CaptionDraft& draft);
void drop_caption(const CaptionContext& context, CaptionDraft& draft);
void shuffle_caption(const CaptionContext& context, CaptionDraft& draft);
void drop_caption_tags(const CaptionContext& context, CaptionDraft& draft);

}  // namespace atelier

// Other words for tags, from a dictionary file (docs/captions.md).
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "configs/base/random.h"
#include "data/caption/weighted_choice.h"
#include "data/options/caption_options.h"

namespace atelier {

class Paraphrases {
 public:
  /// ConfigError for a file that is missing, or a line that is none of the format.
  explicit Paraphrases(const ParaphraseOptions& options);

  bool empty() const { return variants_.empty(); }
  /// What is written for `tag`; nullptr if the dictionary does not have it. Stays valid as long as this.
  const std::string* draw(const std::string& tag, CounterRng& draws) const;

 private:
  std::unordered_map<std::string, WeightedChoice> variants_;
};

}  // namespace atelier

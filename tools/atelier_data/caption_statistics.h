// Levels and lengths of captions: `dataset captions --statistics`, and a part of `dataset plan`.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "data/caption/caption.h"
#include "data/dataset.h"
#include "data/options/prompt_options.h"

namespace atelier {

/// Tokens beside a text's own, as they are counted here.
inline constexpr int64_t kBeginAndEnd = 2;

class CaptionStatistics {
 public:
  /// `tokens` with begin and end.
  void add(const Caption& caption, int64_t tokens, bool truncated);

  int64_t captions() const { return captions_; }
  int64_t empty() const { return empty_; }
  /// Captions of which the text encoders do not see all.
  int64_t truncated() const { return truncated_; }
  double mean_tokens() const { return captions_ ? static_cast<double>(tokens_) / static_cast<double>(captions_) : 0; }
  int64_t most_tokens() const { return most_tokens_; }

  /// One JSON object: captions, empty, truncated, levels (level or "none" -> captions), tokens (mean, max, histogram:
  /// the first length of each bin of 25 -> captions).
  std::string json() const;
  /// The same for reading.
  std::string table() const;

 private:
  static constexpr int64_t kBin = 25;

  int64_t captions_ = 0, empty_ = 0, truncated_ = 0, tokens_ = 0, most_tokens_ = 0;
  std::map<int32_t, int64_t> levels_;
  std::map<int64_t, int64_t> histogram_;  // by first length of the bin
};

/// Of the captions of the run's samples: all of them, or those of batches spread evenly over the run that hold about
/// `most`, at least one batch.
CaptionStatistics statistics_of_run(const Dataset& dataset, const PromptOptions& reading, int64_t most);

}  // namespace atelier

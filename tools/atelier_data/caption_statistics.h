// What `dataset captions --statistics` counts.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "data/caption/caption.h"

namespace atelier {

class CaptionStatistics {
 public:
  /// `tokens` with begin and end.
  void add(const Caption& caption, int64_t tokens, bool truncated);

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

}  // namespace atelier

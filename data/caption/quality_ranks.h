// Which word of QualityOptions each post gets: its percentile among all posts, those of its rating, or those of its
// rating published around its own time.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "data/options/caption_options.h"

namespace atelier {

/// One element a post in each column.
struct QualityColumns {
  static constexpr int32_t kNoValue = std::numeric_limits<int32_t>::min();
  static constexpr int64_t kNoTime = std::numeric_limits<int64_t>::min();

  std::vector<int32_t> value;       // score or fav_count; kNoValue: unknown, no word
  std::vector<uint8_t> rating;      // any small number
  std::vector<int64_t> created_at;  // seconds since 1970; kNoTime: unknown. May be empty where nothing asks for it.
};

inline constexpr uint8_t kNoQualityWord = 255;

/// True if the options need created_at.
bool needs_times(const QualityOptions& options);

/// ConfigError, naming `where`, for a window or an age that cannot be read.
void check_times(const QualityOptions& options, const std::string& where);

/// The index of each post's word, kNoQualityWord for none. The percentile is the mid-rank: of n posts among which
/// `less` are worse and `equal` as good (itself included), 100 (less + equal / 2) / n; the word is the first whose cut
/// is not below it. Windows are centred: half of the posts (of the days) lie before the post; at the ends of time a
/// window of posts is moved inwards, one of days is smaller. Posts without a time have no word where there are windows.
/// All cores take part. ConfigError as check_times().
std::vector<uint8_t> quality_ranks(const QualityColumns& columns, const QualityOptions& options,
                                   const std::string& where);

}  // namespace atelier

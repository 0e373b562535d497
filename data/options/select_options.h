// Which of the posts are used: `dataset.select`. Every filter that is off keeps everything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "configs/schema/field.h"
#include "data/options/dedup_options.h"

namespace atelier {

struct OptOutOptions {
  std::optional<std::string> artists{}, sources{}, posts{};
};

struct SelectOptions {
  OptOutOptions opt_out{};
  int64_t min_side = 0;
  std::optional<double> min_megapixels{};
  std::optional<double> max_megapixels{};
  std::optional<double> max_aspect{};
  std::optional<double> min_bytes_per_pixel{}, max_bytes_per_pixel{};
  std::vector<std::string> formats{};
  std::vector<std::string> ratings{};
  bool keep_deleted = true;
  bool keep_pending = true;
  std::optional<int64_t> min_score{};
  std::optional<int64_t> min_fav_count{};
  std::optional<int64_t> min_year{};
  std::optional<int64_t> max_year{};
  std::string tags{};
  std::optional<std::string> quarantine{};
  DedupOptions dedup{};
  std::optional<int64_t> max_bad_samples{};
  double max_bad_share = 0.01;
};

void describe(Section& section, OptOutOptions& options);
void describe(Section& section, SelectOptions& options);

}  // namespace atelier

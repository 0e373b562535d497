// Which of the posts are used: `dataset.select`. Every filter that is off keeps everything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "configs/schema/field.h"

namespace atelier {

struct SelectOptions {
  int64_t min_side = 0;
  std::optional<double> min_megapixels{};
  std::optional<double> max_megapixels{};
  std::optional<double> max_aspect{};
  std::vector<std::string> ratings{};
  std::optional<int64_t> min_score{};
  std::optional<int64_t> min_year{};
  std::optional<int64_t> max_year{};
  std::string tags{};
  std::optional<std::string> opt_out_artists{};
  std::optional<int64_t> max_bad_samples{};
};

void describe(Section& section, SelectOptions& options);

}  // namespace atelier

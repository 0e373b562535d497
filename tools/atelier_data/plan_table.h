// A plan's report as terminal tables and as JSON.
#pragma once

#include <string>
#include <vector>

#include "data/exposure.h"
#include "data/plan/plan_report.h"

namespace atelier {

/// Exposure of the tags of one category.
struct ExposureList {
  std::string category;
  std::vector<TagExposure> tags;  // most samples first
};

/// At most 80 columns wide; the `top` classes of a division and tags of a category.
std::string plan_table(const PlanReport& report, const std::vector<ExposureList>& exposure, size_t top);

/// docs/formats/plan_json.md: all of it.
std::string plan_json(const PlanReport& report, const std::vector<ExposureList>& exposure);

}  // namespace atelier

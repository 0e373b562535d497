// A plan's report as terminal tables and as JSON.
#pragma once

#include <string>
#include <vector>

#include "data/exposure.h"
#include "data/plan/plan_report.h"
#include "tools/atelier_data/caption_statistics.h"

namespace atelier {

/// Exposure of the tags of one category.
struct ExposureList {
  std::string category;
  std::vector<TagExposure> tags;  // most samples first
};

/// All that `dataset plan` tells.
struct PlanFindings {
  PlanReport report;
  std::vector<ExposureList> exposure;  // by category
  CaptionStatistics captions;          // of the run's samples, or of some thousands of them
};

/// At most 80 columns wide; the `top` classes of a division and tags of a category.
std::string plan_table(const PlanFindings& findings, size_t top);

/// docs/formats/plan_json.md: all of it.
std::string plan_json(const PlanFindings& findings);

}  // namespace atelier

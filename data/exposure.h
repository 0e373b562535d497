// How often the tags of a dataset are seen in a run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/manifest/manifest.h"
#include "data/plan/plan.h"

namespace atelier {

struct TagExposure {
  std::string name;
  int64_t pictures = 0;   // usable ones that carry the tag
  int64_t unreached = 0;  // of them: those that the run never sees
  int64_t samples = 0;    // of the run
};

/// The tags of a category on the plan's pictures, most samples first, then by name. `uses` is plan.uses().
std::vector<TagExposure> tag_exposure(const Manifest& manifest, const Plan& plan, const std::vector<uint32_t>& uses,
                                      TagCategory category);

}  // namespace atelier

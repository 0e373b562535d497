#include "data/exposure.h"

#include <algorithm>

namespace atelier {

std::vector<TagExposure> tag_exposure(const Manifest& manifest, const Plan& plan, const std::vector<uint32_t>& uses,
                                      TagCategory category) {
  struct Count {
    uint32_t pictures = 0, unreached = 0;
    int64_t samples = 0;
  };
  const TagDictionary& tags = manifest.dictionary();
  const std::vector<uint32_t>& rows = plan.strata().input().rows;
  std::vector<Count> counts(static_cast<size_t>(tags.size()));
  for (size_t i = 0; i < rows.size(); ++i) {
    for (int32_t tag : manifest.tags(rows[i], category)) {
      Count& count = counts[static_cast<size_t>(tag)];
      ++count.pictures;
      count.unreached += uses[i] == 0;
      count.samples += uses[i];
    }
  }
  std::vector<TagExposure> found;
  for (int32_t tag = 0; tag < tags.size(); ++tag) {
    const Count& count = counts[static_cast<size_t>(tag)];
    if (count.pictures == 0) continue;
    found.push_back({std::string(tags.name(tag)), count.pictures, count.unreached, count.samples});
  }
  std::sort(found.begin(), found.end(), [](const TagExposure& a, const TagExposure& b) {
    return a.samples != b.samples ? a.samples > b.samples : a.name < b.name;
  });
  return found;
}

}  // namespace atelier

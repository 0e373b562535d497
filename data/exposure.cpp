#include "data/exposure.h"

#include <algorithm>

namespace atelier {

std::vector<TagExposure> tag_exposure(const Manifest& manifest, const Plan& plan, const std::vector<uint32_t>& uses,
                                      TagCategory category) {
  const Strata& strata = plan.strata();
  std::vector<uint32_t> uses_of_row(strata.input().rows.size(), 0);
  for (size_t entry = 0; entry < uses.size(); ++entry) uses_of_row[strata.order()[entry]] += uses[entry];

  const TagDictionary& tags = manifest.dictionary();
  std::vector<TagExposure> by_tag(static_cast<size_t>(tags.size()));
  for (size_t i = 0; i < uses_of_row.size(); ++i) {
    for (int32_t tag : manifest.tags(strata.input().rows[i], category)) {
      TagExposure& exposure = by_tag[static_cast<size_t>(tag)];
      ++exposure.pictures;
      exposure.unreached += uses_of_row[i] == 0;
      exposure.samples += uses_of_row[i];
    }
  }
  std::vector<TagExposure> found;
  for (int32_t tag = 0; tag < tags.size(); ++tag) {
    TagExposure& exposure = by_tag[static_cast<size_t>(tag)];
    if (exposure.pictures == 0) continue;
    exposure.name = tags.name(tag);
    found.push_back(std::move(exposure));
  }
  std::sort(found.begin(), found.end(), [](const TagExposure& a, const TagExposure& b) {
    return a.samples != b.samples ? a.samples > b.samples : a.name < b.name;
  });
  return found;
}

}  // namespace atelier

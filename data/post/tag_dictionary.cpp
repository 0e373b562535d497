#include "data/post/tag_dictionary.h"

#include <algorithm>

namespace atelier {

int32_t TagDictionary::intern(std::string_view name) {
  if (const auto found = index_.find(name); found != index_.end()) return found->second;
  const int32_t id = size();
  entries_.push_back({std::string(name)});
  index_.emplace(entries_.back().name, id);
  return id;
}

int32_t TagDictionary::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? kUnknown : found->second;
}

void TagDictionary::vote(int32_t id, TagCategory category, int64_t votes) {
  entries_[static_cast<size_t>(id)].votes[static_cast<size_t>(category)] += votes;
}

TagCategory TagDictionary::category(int32_t id) const {
  const auto& votes = entries_[static_cast<size_t>(id)].votes;
  return static_cast<TagCategory>(std::max_element(votes.begin(), votes.end()) - votes.begin());
}

std::vector<int32_t> TagDictionary::merge(const TagDictionary& other) {
  std::vector<int32_t> ids;
  ids.reserve(other.entries_.size());
  for (const Entry& entry : other.entries_) {
    const int32_t id = intern(entry.name);
    for (int c = 0; c < kTagCategoryCount; ++c)
      vote(id, static_cast<TagCategory>(c), entry.votes[static_cast<size_t>(c)]);
    ids.push_back(id);
  }
  return ids;
}

}  // namespace atelier

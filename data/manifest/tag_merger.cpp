#include "data/manifest/tag_merger.h"

#include <algorithm>
#include <memory>
#include <string>

namespace atelier {
namespace {

/// What a finished dictionary's table views.
struct OwnedTags {
  std::string names;
  std::vector<int32_t> name_ends = {0};
  std::vector<int8_t> categories;
  std::vector<int64_t> counts, raw_counts;
};

}  // namespace

void TagCounts::grow(size_t tags) {
  if (tags <= posts.size()) return;
  const size_t room = std::max(tags, posts.size() * 2);
  posts.resize(room);
  raw.resize(room);
}

void TagCounts::add(std::span<const int32_t> tags_as_written, std::span<const int32_t> resolved, int64_t sign) {
  for (const int32_t tag : tags_as_written) raw[static_cast<size_t>(tag)] += sign;
  for (const int32_t tag : resolved) posts[static_cast<size_t>(tag)] += sign;
}

void TagCounts::add(const TagCounts& other) {
  grow(other.posts.size());
  for (size_t i = 0; i < other.posts.size(); ++i) {
    posts[i] += other.posts[i];
    raw[i] += other.raw[i];
  }
}

TagMerger::TagMerger(const TagRules& rules, const MinorsFilter& minors) : rules_(rules), minors_(minors) {
  meanings_.implied_ends.push_back(0);
}

/// Looks up the tags that are new, and with them those that they stand for and bring along.
void TagMerger::define_new_tags() {
  for (auto tag = static_cast<int32_t>(meanings_.resolved.size()); tag < all_.size(); ++tag) {
    const std::string_view name = all_.name(tag), resolved = rules_.resolve(name);
    MinorsFilter::Verdict worst = std::max(minors_.tag_verdict(name), minors_.tag_verdict(resolved));
    meanings_.resolved.push_back(all_.intern(resolved));
    for (const std::string& implied : rules_.implied(resolved)) {
      worst = std::max(worst, minors_.tag_verdict(implied));
      meanings_.implied.push_back(all_.intern(implied));
    }
    meanings_.implied_ends.push_back(static_cast<uint32_t>(meanings_.implied.size()));
    verdicts_.push_back(worst);
  }
}

TagMerger::PartTags TagMerger::merge(const TagDictionary& part) {
  const std::lock_guard lock(mutex_);
  PartTags tags;
  tags.ids = all_.merge(part);
  define_new_tags();
  tags.tag_count = static_cast<size_t>(all_.size());
  tags.meanings.implied_ends.push_back(0);
  for (const int32_t id : tags.ids) {
    const std::span<const int32_t> implied = meanings_.implied_by(id);
    tags.meanings.resolved.push_back(meanings_.resolved[static_cast<size_t>(id)]);
    tags.meanings.implied.insert(tags.meanings.implied.end(), implied.begin(), implied.end());
    tags.meanings.implied_ends.push_back(static_cast<uint32_t>(tags.meanings.implied.size()));
    tags.verdicts.push_back(verdicts_[static_cast<size_t>(id)]);
  }
  return tags;
}

TagMerger::Finished TagMerger::finish(TagCounts counts) const {
  counts.grow(static_cast<size_t>(all_.size()));
  std::vector<int32_t> order;
  for (int32_t tag = 0; tag < all_.size(); ++tag) {
    if (counts.posts[static_cast<size_t>(tag)] > 0) order.push_back(tag);
  }
  std::ranges::sort(order, [&](int32_t a, int32_t b) {
    const int64_t posts_a = counts.posts[static_cast<size_t>(a)], posts_b = counts.posts[static_cast<size_t>(b)];
    return posts_a != posts_b ? posts_a > posts_b : all_.name(a) < all_.name(b);
  });
  std::vector<int32_t> final_ids(static_cast<size_t>(all_.size()), TagDictionary::kUnknown);
  for (size_t i = 0; i < order.size(); ++i) final_ids[static_cast<size_t>(order[i])] = static_cast<int32_t>(i);

  Finished finished{dictionary_of(order, counts), meanings_};
  for (int32_t& tag : finished.meanings.resolved) tag = final_ids[static_cast<size_t>(tag)];
  for (int32_t& tag : finished.meanings.implied) tag = final_ids[static_cast<size_t>(tag)];
  return finished;
}

TagDictionary TagMerger::dictionary_of(const std::vector<int32_t>& order, const TagCounts& counts) const {
  // What sources say of an alias, they say of the tag that it stands for.
  std::vector<TagDictionary::Votes> votes(static_cast<size_t>(all_.size()));
  for (int32_t tag = 0; tag < all_.size(); ++tag) {
    TagDictionary::Votes& of_resolved = votes[static_cast<size_t>(meanings_.resolved[static_cast<size_t>(tag)])];
    for (size_t c = 0; c < kTagCategoryCount; ++c) of_resolved[c] += all_.votes(tag)[c];
  }
  auto owned = std::make_shared<OwnedTags>();
  for (const int32_t tag : order) {
    const auto i = static_cast<size_t>(tag);
    const auto most = std::ranges::max_element(votes[i]);
    const TagCategory category = *most > 0 ? static_cast<TagCategory>(most - votes[i].begin())
                                           : rules_.category(all_.name(tag)).value_or(TagCategory::kGeneral);
    owned->names += all_.name(tag);
    owned->name_ends.push_back(static_cast<int32_t>(owned->names.size()));
    owned->categories.push_back(static_cast<int8_t>(category));
    owned->counts.push_back(counts.posts[i]);
    owned->raw_counts.push_back(counts.raw[i]);
  }
  TagDictionary::Table table{owned->name_ends, owned->names.data(), owned->categories,
                             owned->counts,    owned->raw_counts,   owned};
  return TagDictionary(std::move(table));
}

}  // namespace atelier

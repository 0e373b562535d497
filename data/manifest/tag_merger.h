// The tags of all parts of all sources become one dictionary.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "data/manifest/tag_meanings.h"
#include "data/post/minors.h"
#include "data/post/tag_dictionary.h"
#include "data/post/tag_rules.h"

namespace atelier {

/// Posts by tag.
struct TagCounts {
  std::vector<int64_t> posts;  // aliases and implications followed
  std::vector<int64_t> raw;    // as written

  /// Room for `tags` tags.
  void grow(size_t tags);
  /// `sign` -1 takes a post out again.
  void add(std::span<const int32_t> tags_as_written, std::span<const int32_t> resolved, int64_t sign = 1);
  void add(const TagCounts& other);
};

/// Numbers that tags get here depend on which part came first; the finished dictionary does not.
class TagMerger {
 public:
  TagMerger(const TagRules& rules, const MinorsFilter& minors);

  /// A part's tags in the numbers of all.
  struct PartTags {
    std::vector<int32_t> ids;                     // as written
    TagMeanings meanings;                         // by the part's numbers, in the numbers of all
    std::vector<MinorsFilter::Verdict> verdicts;  // by the part's numbers: the worst of what the tag comes to
    size_t tag_count = 0;                         // so far, of all
  };
  /// Thread-safe.
  PartTags merge(const TagDictionary& part);

  struct Finished {
    TagDictionary dictionary;  // the most frequent first, by name among equals
    TagMeanings meanings;      // by the numbers of all, in the dictionary's ids
  };
  /// Tags that no post carries are left out. `counts`: of all posts that are kept. Once, after the last merge().
  Finished finish(TagCounts counts) const;

  /// What a tag comes to, by the numbers of all and in them.
  const TagMeanings& meanings() const { return meanings_; }

 private:
  void define_new_tags();
  TagDictionary dictionary_of(const std::vector<int32_t>& order, const TagCounts& counts) const;

  const TagRules& rules_;
  const MinorsFilter& minors_;
  std::mutex mutex_;
  TagDictionary all_;
  TagMeanings meanings_;
  std::vector<MinorsFilter::Verdict> verdicts_;
};

}  // namespace atelier

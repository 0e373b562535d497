// What a post's tags as written come to: aliases followed, implied tags added, each once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace atelier {

/// Of tags numbered from 0: the tag each stands for, and those that come with it. Both may be of another numbering.
struct TagMeanings {
  std::vector<int32_t> resolved;
  std::vector<uint32_t> implied_ends;  // one more than tags: those of tag i are implied[implied_ends[i]] and on, up to
                                       // implied_ends[i + 1]
  std::vector<int32_t> implied;

  std::span<const int32_t> implied_by(int32_t tag) const {
    const auto i = static_cast<size_t>(tag);
    return std::span(implied).subspan(implied_ends[i], implied_ends[i + 1] - implied_ends[i]);
  }
};

/// Works out posts one after another, without allocating. One a thread.
class TagResolver {
 public:
  /// A post's own tags in their order, then what they imply, each once; valid until the next call.
  std::span<const int32_t> resolve(std::span<const int32_t> tags, const TagMeanings& meanings) {
    found_.clear();
    ++post_;
    for (const int32_t tag : tags) add(meanings.resolved[static_cast<size_t>(tag)]);
    for (const int32_t tag : tags) {
      for (const int32_t implied : meanings.implied_by(tag)) add(implied);
    }
    return found_;
  }

 private:
  void add(int32_t tag) {
    const auto i = static_cast<size_t>(tag);
    if (i >= seen_in_.size()) seen_in_.resize(i + i / 2 + 1024);
    if (seen_in_[i] == post_) return;
    seen_in_[i] = post_;
    found_.push_back(tag);
  }

  std::vector<int32_t> found_;
  std::vector<uint64_t> seen_in_;  // by tag: the last post that had it
  uint64_t post_ = 0;
};

}  // namespace atelier

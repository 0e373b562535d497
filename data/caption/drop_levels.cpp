// drop_levels: a level is drawn, a random part of the tags stays, and protected tags stay whatever was drawn.
#include <algorithm>
#include <bit>
#include <utility>

#include "data/caption/caption_operators.h"

namespace atelier {
namespace {

/// The places of `count` of `size` tags, drawn; true: taken.
std::vector<bool> draw_subset(size_t size, size_t count, CounterRng& draws) {
  std::vector<size_t> places(size);
  for (size_t i = 0; i < size; ++i) places[i] = i;
  std::vector<bool> taken(size);
  for (size_t i = 0; i < count; ++i) {
    std::swap(places[i], places[i + draws.below(size - i)]);
    taken[places[i]] = true;
  }
  return taken;
}

/// Removes the free tags that are not `taken`; returns how many stay.
template <typename Stays>
int64_t keep_free_tags(std::vector<DraftTag>& tags, const std::vector<bool>& taken, Stays&& stays) {
  size_t place = 0;
  int64_t kept = 0;
  std::erase_if(tags, [&](DraftTag& tag) {
    if (tag.fixed) return false;
    const bool keeps = taken[place++] || stays(tag);
    kept += keeps;
    return !keeps;
  });
  return kept;
}

/// True if a set of `sets` protects the tag: each by its own draw.
bool is_protected(const CaptionPolicy& policy, uint32_t sets, DraftTag& tag, CounterRng& draws) {
  if (sets == 0) return false;
  if (!tag.in_sets) tag.in_sets = policy.tag_sets_of(tag.text, tag.category, tag.count);
  for (uint32_t left = *tag.in_sets & sets; left != 0; left &= left - 1) {
    const double lost = policy.tag_sets.drop_probability(static_cast<size_t>(std::countr_zero(left)));
    if (lost <= 0 || draws.uniform() >= lost) return true;
  }
  return false;
}

void add_marker(const DropLevelOptions& level, int64_t kept, CounterRng& draws, std::vector<DraftTag>& tags) {
  if (level.marker.empty() || kept < level.marker_min_tags || kept > level.marker_max_tags.value_or(kept)) return;
  if (draws.uniform() >= level.marker_probability) return;
  DraftTag& tag = tags.emplace_back();
  tag.text = level.marker;
  tag.fixed = true;
}

size_t free_tags(const std::vector<DraftTag>& tags) {
  return static_cast<size_t>(std::ranges::count(tags, false, &DraftTag::fixed));
}

}  // namespace

/// Drawn before anything is written, because a level may choose among the sample's own captions.
void draw_drop_level(const CaptionContext& context, CaptionDraft& draft) {
  const std::vector<DropLevel>& levels = context.policy.levels;
  if (levels.empty()) return;
  CounterRng draws = context.draws("caption level");
  const bool absolute = context.options.drop_levels.mode == "absolute";
  double number = draws.uniform();
  for (size_t i = 0; i < levels.size(); ++i) {
    if (number < levels[i].p) {
      draft.level = static_cast<int32_t>(i);
      return;
    }
    number = absolute ? number - levels[i].p : draws.uniform();
  }
}

void drop_tags_by_level(const CaptionContext& context, CaptionDraft& draft) {
  const DropLevelsOptions& options = context.options.drop_levels;
  if (options.levels.empty()) return;
  std::vector<DraftTag>& tags = draft.tags();
  size_t count = free_tags(tags);
  CounterRng draws = context.draws("caption level dropout");
  if (const auto most = static_cast<size_t>(options.max_tags); count > most) {
    keep_free_tags(tags, draw_subset(count, most, draws), [](const DraftTag&) { return false; });
    count = most;
  }
  if (static_cast<int64_t>(count) < options.min_tags_untouched) draft.level = -1;
  if (draft.level < 0) return;
  const DropLevel& level = context.policy.levels[static_cast<size_t>(draft.level)];
  const auto keep = static_cast<size_t>(level.keep(static_cast<int64_t>(count), options.rate, draws));
  const std::vector<bool> taken = draw_subset(count, keep, draws);
  const int64_t kept = keep_free_tags(
      tags, taken, [&](DraftTag& tag) { return is_protected(context.policy, level.protect, tag, draws); });
  add_marker(options.levels[static_cast<size_t>(draft.level)], kept, draws, tags);
}

}  // namespace atelier

// group_shuffle: tags within their group, whole groups, or both (Fisher-Yates). Fixed groups stay where they are.
#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include "data/caption/caption_operators.h"

namespace atelier {
namespace {

/// Runs of tags of one group.
std::vector<std::span<DraftTag>> runs_of(std::vector<DraftTag>& tags) {
  std::vector<std::span<DraftTag>> runs;
  for (size_t begin = 0; begin < tags.size();) {
    size_t end = begin + 1;
    while (end < tags.size() && tags[end].group == tags[begin].group && tags[end].sentence == tags[begin].sentence) {
      ++end;
    }
    runs.push_back(std::span(tags).subspan(begin, end - begin));
    begin = end;
  }
  return runs;
}

bool is_fixed(std::span<DraftTag> run) { return std::ranges::any_of(run, &DraftTag::fixed); }

template <typename List>
void shuffle(List& list, CounterRng& draws) {
  for (size_t left = list.size(); left > 1; --left) std::swap(list[left - 1], list[draws.below(left)]);
}

void shuffle_runs(std::vector<DraftTag>& tags, CounterRng& draws) {
  std::vector<std::span<DraftTag>> runs = runs_of(tags), moving;
  std::ranges::copy_if(runs, std::back_inserter(moving), [](std::span<DraftTag> run) { return !is_fixed(run); });
  shuffle(moving, draws);
  std::vector<DraftTag> out;
  size_t next = 0;
  for (const std::span<DraftTag> run : runs) {
    const std::span<DraftTag> taken = is_fixed(run) ? run : moving[next++];
    std::ranges::move(taken, std::back_inserter(out));
  }
  tags = std::move(out);
}

}  // namespace

void shuffle_caption_groups(const CaptionContext& context, CaptionDraft& draft) {
  const std::string& what = context.options.group_shuffle;
  if (what == "none" || draft.is_text()) return;
  CounterRng draws = context.draws("caption group shuffle");
  if (what != "groups") {
    for (std::span<DraftTag> run : runs_of(draft.tags())) {
      if (!is_fixed(run)) shuffle(run, draws);
    }
  }
  if (what != "within_groups") shuffle_runs(draft.tags(), draws);
}

}  // namespace atelier

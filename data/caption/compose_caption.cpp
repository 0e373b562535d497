// The sample's own caption, or its tags, group after group.
#include "data/caption/caption_operators.h"

namespace atelier {
namespace {

void append_group(const CaptionSource& source, std::string_view group, std::vector<std::string>& tags) {
  const auto append = [&](const std::vector<std::string_view>& names) {
    for (const std::string_view name : names) tags.push_back(tag_as_text(name));
  };
  const auto append_general = [&](bool counts) {
    for (const std::string_view name : source.general) {
      if (is_count_tag(name) == counts) tags.push_back(tag_as_text(name));
    }
  };
  if (group == "count") append_general(true);
  if (group == "general") append_general(false);
  if (group == "character") append(source.character);
  if (group == "copyright") append(source.copyright);
  if (group == "artist") append(source.artist);
  if (group == "meta") append(source.meta);
  if (group == "rating" && !source.rating.empty()) tags.emplace_back(source.rating);
}

}  // namespace

void compose_caption(const CaptionContext& context, CaptionDraft& draft) {
  if (context.source.caption) return draft.set_text(std::string(*context.source.caption));
  std::vector<std::string> tags;
  for (const std::string& group : context.options.tag_groups) append_group(context.source, group, tags);
  draft.set_tags(std::move(tags));
}

}  // namespace atelier

// What a caption is written from: the sample's own caption, its tags group after group, or both.
#include <algorithm>
#include <array>

#include "data/caption/caption_operators.h"
#include "data/caption/tag_text.h"

namespace atelier {
namespace {

/// Adds the tags of one group, in the order of its parts.
class GroupWriter {
 public:
  GroupWriter(const CaptionContext& context, CounterRng& draws, std::vector<DraftTag>& tags)
      : context_(context), draws_(draws), tags_(tags) {}

  void write(int32_t group) {
    group_ = group;
    for (const CaptionPart part : context_.policy.groups[static_cast<size_t>(group)].parts) write_part(part);
  }

 private:
  void write_part(CaptionPart part) {
    switch (part) {
      case CaptionPart::kCount: return write_tags(part, TagCategory::kGeneral);
      case CaptionPart::kGeneral: return write_tags(part, TagCategory::kGeneral);
      case CaptionPart::kCharacter: return write_tags(part, TagCategory::kCharacter);
      case CaptionPart::kCopyright: return write_tags(part, TagCategory::kCopyright);
      case CaptionPart::kArtist: return write_tags(part, TagCategory::kArtist);
      case CaptionPart::kMeta: return write_tags(part, TagCategory::kMeta);
      case CaptionPart::kRating: return write_rating();
      case CaptionPart::kQuality: return write_word(part, "quality", std::string(context_.source.quality));
      case CaptionPart::kYear: return write_year();
    }
  }

  DraftTag& add(CaptionPart part, std::string_view category, std::string text) {
    DraftTag& tag = tags_.emplace_back();
    tag.text = std::move(text);
    tag.group = group_;
    tag.part = part;
    tag.category = category;
    tag.fixed = context_.policy.groups[static_cast<size_t>(group_)].fixed;
    return tag;
  }

  void write_tags(CaptionPart part, TagCategory category) {
    const std::string_view category_name = kTagCategoryNames[static_cast<size_t>(category)];
    const CaptionPolicy& policy = context_.policy;
    for (const SourceTag& source : context_.source.tags) {
      if (source.category != category) continue;
      if (category == TagCategory::kGeneral && is_count_tag(source.name) != (part == CaptionPart::kCount)) continue;
      std::optional<uint32_t> in_sets = source.in_tag_sets;
      if (!in_sets && !policy.tag_sets.empty()) in_sets = policy.tag_sets_of(source.name, category_name, source.count);
      if (in_sets.value_or(0) & policy.left_out) continue;
      DraftTag& tag = add(part, category_name, tag_as_text(source.name));
      tag.count = source.count;
      tag.in_sets = in_sets;
    }
  }

  void write_word(CaptionPart part, std::string_view category, std::string word) {
    if (word.empty()) return;
    const auto known = context_.policy.sets_of_words.find(word);
    DraftTag& tag = add(part, category, std::move(word));
    if (known != context_.policy.sets_of_words.end()) tag.in_sets = known->second;
  }

  void write_rating() {
    const RatingWordOptions& options = context_.options.rating_words;
    const std::array<std::pair<std::string_view, const std::vector<std::string>*>, 5> lists = {
        {{"general", &options.general},
         {"safe", &options.safe},
         {"sensitive", &options.sensitive},
         {"questionable", &options.questionable},
         {"explicit", &options.explicit_}}};
    for (const auto& [name, words] : lists) {
      if (name != context_.source.rating || words->empty()) continue;
      const size_t choice = words->size() == 1 ? 0 : draws_.below(words->size());
      write_word(CaptionPart::kRating, "rating", (*words)[choice]);
    }
  }

  void write_year() {
    const YearOptions& options = context_.options.year;
    if (!context_.source.year) return;
    const int32_t year = *context_.source.year;
    if (options.literal_share > 0 && draws_.uniform() < options.literal_share) {
      return write_word(CaptionPart::kYear, "year", "year " + std::to_string(year));
    }
    write_word(CaptionPart::kYear, "year", word_of(year, options.words));
  }

  /// Of the least last year that is not before `year`; of later years, the last word.
  static std::string word_of(int32_t year, const std::map<std::string, double>& words) {
    const std::pair<const std::string, double>* best = nullptr;
    for (const auto& entry : words) {
      const auto rank = [year](double last) { return std::pair(last < year, last < year ? -last : last); };
      if (!best || rank(entry.second) < rank(best->second)) best = &entry;
    }
    return best ? best->first : "";
  }

  const CaptionContext& context_;
  CounterRng& draws_;
  std::vector<DraftTag>& tags_;
  int32_t group_ = 0;
};

size_t draw_weighted(const std::vector<double>& weights, size_t count, CounterRng& draws) {
  double total = 0;
  for (size_t i = 0; i < std::min(count, weights.size()); ++i) total += weights[i];
  double number = draws.uniform() * total;
  for (size_t i = 0; i < std::min(count, weights.size()); ++i) {
    if (number < weights[i]) return i;
    number -= weights[i];
  }
  return 0;
}

/// One of `captions`, as the level or caption_choice says. REQUIRES some.
std::string_view choose(const CaptionContext& context, int32_t level, std::span<const std::string_view> captions,
                        CounterRng& draws) {
  const CaptionOptions& options = context.options;
  const std::string& by_level = level < 0 ? "drawn" : options.drop_levels.levels[static_cast<size_t>(level)].caption;
  if (by_level == "shortest") return *std::ranges::min_element(captions, {}, &std::string_view::size);
  if (by_level == "longest") return *std::ranges::max_element(captions, {}, &std::string_view::size);
  if (options.caption_choice == "uniform") return captions[draws.below(captions.size())];
  if (options.caption_choice == "weighted") {
    return captions[draw_weighted(options.caption_weights, captions.size(), draws)];
  }
  return captions.front();
}

/// All lines of it, where wildcards draw one.
std::string written_caption(const CaptionContext& context, int32_t level, CounterRng& draws) {
  const std::vector<std::string_view>& captions = context.source.captions;
  if (!context.options.enable_wildcard || context.options.caption_choice != "first") {
    return std::string(choose(context, level, captions, draws));
  }
  std::string lines;
  for (const std::string_view line : captions) lines.append(lines.empty() ? "" : "\n").append(line);
  return lines;
}

DraftTag sentence(std::string_view text) {
  DraftTag tag;
  tag.text = text;
  tag.fixed = tag.sentence = true;
  return tag;
}

std::vector<DraftTag> written_tags(const CaptionContext& context, CounterRng& draws) {
  std::vector<DraftTag> tags;
  tags.reserve(context.source.tags.size() + 4);
  GroupWriter writer(context, draws, tags);
  for (size_t group = 0; group < context.policy.groups.size(); ++group) writer.write(static_cast<int32_t>(group));
  return tags;
}

}  // namespace

void compose_caption(const CaptionContext& context, CaptionDraft& draft) {
  const CaptionSource& source = context.source;
  CounterRng draws = context.draws("caption words");
  if (source.captions.empty() && source.tags.empty() && !source.class_tokens.empty()) {
    return draft.set_text(std::string(source.class_tokens));
  }
  if (context.policy.words_from.empty()) {
    if (!source.captions.empty()) return draft.set_text(written_caption(context, draft.level, draws));
    return draft.set_tags(written_tags(context, draws));
  }
  const std::string_view from = context.policy.words_from.draw(draws);
  const size_t read_as_tags = source.caption_is_tags && !source.captions.empty() ? 1 : 0;
  const std::span captions = std::span(source.captions).subspan(read_as_tags);
  std::vector<DraftTag> tags;
  if (from != "caption" || captions.empty()) tags = written_tags(context, draws);
  if (!captions.empty() && (from != "tags" || tags.empty())) {
    DraftTag caption = sentence(choose(context, draft.level, captions, draws));
    tags.insert(from == "tags_caption" ? tags.end() : tags.begin(), std::move(caption));
  }
  draft.set_tags(std::move(tags));
}

}  // namespace atelier

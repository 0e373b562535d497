#include "data/caption/caption_policy.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/caption/quality_ranks.h"
#include "data/caption/tag_text.h"

namespace atelier {
namespace {

constexpr std::array<std::string_view, 9> kPartNames = {"count", "character", "copyright", "artist", "general",
                                                        "meta",  "rating",    "quality",   "year"};

CaptionPart part_named(std::string_view name, const std::string& where) {
  const auto found = std::ranges::find(kPartNames, name);
  if (found == kPartNames.end()) {
    throw ConfigError(text("'", name, "' is no group of tags"), where,
                      "one of: " + join(std::vector<std::string>(kPartNames.begin(), kPartNames.end()), ", "));
  }
  return static_cast<CaptionPart>(found - kPartNames.begin());
}

std::vector<CaptionGroup> make_groups(const CaptionOptions& options, const std::string& where) {
  std::vector<CaptionGroup> groups;
  std::set<CaptionPart> seen;
  for (const std::string& name : options.tag_groups) {
    CaptionGroup& group = groups.emplace_back();
    for (const std::string_view part : split(name, '+')) {
      group.parts.push_back(part_named(trim(part), where + ".tag_groups"));
      if (seen.insert(group.parts.back()).second) continue;
      throw ConfigError(text("'", trim(part), "' is named twice, and would be written twice"), where + ".tag_groups");
    }
  }
  return groups;
}

void check_categories(const std::vector<TagSetOptions>& sets, const std::string& where) {
  for (const TagSetOptions& set : sets) {
    if (set.match != "category") continue;
    for (const std::string& word : set.words) part_named(word, where + ": " + set.name);
  }
}

/// The group that is written so in tag_groups.
CaptionGroup& group_named(std::vector<CaptionGroup>& groups, const CaptionOptions& options, const std::string& name,
                          const std::string& where) {
  const auto written = std::ranges::find(options.tag_groups, name);
  if (written != options.tag_groups.end()) return groups[static_cast<size_t>(written - options.tag_groups.begin())];
  std::string hint;
  for (size_t i = 0; i < groups.size(); ++i) {
    for (const CaptionPart part : groups[i].parts) {
      if (kPartNames[static_cast<size_t>(part)] == name) hint = "the group that holds it is " + options.tag_groups[i];
    }
  }
  throw ConfigError("'" + name + "' is not among tag_groups", where, hint);
}

std::vector<DropLevel> make_levels(const DropLevelsOptions& options, const TagSets& sets, const std::string& where) {
  std::vector<DropLevel> levels;
  const bool absolute = options.mode == "absolute";
  double sum = 0;
  for (size_t i = 0; i < options.levels.size(); ++i) {
    const DropLevelOptions& given = options.levels[i];
    const std::string place = text(where, ".levels[", i, "]");
    const double rest = absolute ? std::max(0.0, 1 - sum) : 1;
    levels.push_back({given.p.value_or(rest), KeepExpression(given.keep, place + ".keep"),
                      sets.named(given.protect, place + ".protect")});
    sum += levels.back().p;
  }
  constexpr double kRounding = 1e-9;
  if (absolute && sum > 1 + kRounding) {
    throw ConfigError(text("the shares of the levels add up to ", shortest(std::round(sum * 1e6) / 1e6)),
                      where + ".levels", "make them 1 at most, or use mode: sequential_conditional");
  }
  return levels;
}

std::vector<double> make_frequency_dropout(const CaptionOptions& options, const std::string& where) {
  std::vector<double> thresholds(kPartNames.size());
  for (const auto& [name, posts] : options.frequency_dropout) {
    thresholds[static_cast<size_t>(part_named(name, where + ".frequency_dropout"))] = posts;
  }
  return thresholds;
}

bool reads_tags(const CaptionOptions& options) {
  const SpellingOptions& spelling = options.spelling;
  return options.shuffle_caption || options.caption_tag_dropout_rate > 0 || options.token_warmup_step > 0 ||
         options.group_shuffle != "none" || !options.drop_levels.levels.empty() ||
         options.register_token.probability > 0 || options.paraphrase.dictionary || !options.join_separators.empty() ||
         spelling.capitalize > 0 || spelling.lower_case > 0 || spelling.hyphen_to_space > 0 ||
         spelling.underscore_to_space > 0;
}

void check_options(const CaptionOptions& options, const std::string& where) {
  constexpr std::array<std::string_view, 4> kWordsFrom = {"caption", "tags", "caption_tags", "tags_caption"};
  for (const auto& [word, weight] : options.words_from) {
    if (std::ranges::find(kWordsFrom, word) != kWordsFrom.end()) continue;
    throw ConfigError("'" + word + "' is nothing captions are written from", where + ".words_from",
                      "one of: caption, tags, caption_tags, tags_caption");
  }
  if (!WeightedChoice(options.words_from).empty()) {
    for (const auto& [key, mark] : {std::pair(".keep_tokens_separator", &options.keep_tokens_separator),
                                    std::pair(".group_separator", &options.group_separator)}) {
      if (mark->empty()) continue;
      throw ConfigError("it cuts captions as they stand, and words_from puts them together anew", where + key,
                        "leave it out, or words_from; fixed_groups are groups that are kept");
    }
  }
  if (options.caption_choice == "weighted" &&
      std::accumulate(options.caption_weights.begin(), options.caption_weights.end(), 0.0) <= 0) {
    throw ConfigError("captions are drawn by weights that are not given", where + ".caption_weights");
  }
  const RegisterTokenOptions& token = options.register_token;
  if (token.min_length > token.max_length || token.alphabet.empty()) {
    throw ConfigError("a register token needs an alphabet and a length", where + ".register_token");
  }
  const auto is_ascii = [](char c) { return c > ' ' && c < '\x7F'; };
  if (!std::ranges::all_of(token.alphabet, is_ascii)) {
    throw ConfigError("the alphabet holds a blank or what is not ASCII", where + ".register_token.alphabet");
  }
}

void check_quality(const QualityOptions& options, const std::string& where) {
  if (options.words.size() != options.cuts.size() + 1) {
    throw ConfigError(
        text(options.cuts.size(), " cuts need ", options.cuts.size() + 1, " words, not ", options.words.size()),
        where + ".words");
  }
  if (!std::ranges::is_sorted(options.cuts)) throw ConfigError("the cuts do not rise", where + ".cuts");
  check_times(options, where);
}

/// All words that ratings, qualities and years are written in, with their group.
std::vector<std::pair<std::string, std::string_view>> computed_words(const CaptionOptions& options) {
  std::vector<std::pair<std::string, std::string_view>> words;
  const RatingWordOptions& ratings = options.rating_words;
  for (const auto* list :
       {&ratings.general, &ratings.safe, &ratings.sensitive, &ratings.questionable, &ratings.explicit_}) {
    for (const std::string& word : *list) words.emplace_back(word, "rating");
  }
  if (options.quality) {
    for (const std::string& word : options.quality->words) words.emplace_back(word, "quality");
  }
  for (const auto& [word, last_year] : options.year.words) words.emplace_back(word, "year");
  return words;
}

}  // namespace

CaptionPolicy::CaptionPolicy(const CaptionOptions& given, const std::string& where)
    : options(given),
      groups(make_groups(given, where)),
      tag_sets(given.tag_sets, where + ".tag_sets"),
      left_out(tag_sets.named(given.leave_out, where + ".leave_out")),
      levels(make_levels(given.drop_levels, tag_sets, where + ".drop_levels")),
      paraphrases(given.paraphrase),
      words_from(given.words_from),
      join_separators(given.join_separators),
      frequency_dropout(make_frequency_dropout(given, where)),
      cuts_captions(reads_tags(given)) {
  check_options(options, where);
  check_categories(options.tag_sets, where + ".tag_sets");
  if (options.quality) check_quality(*options.quality, where + ".quality");
  for (const auto& [word, category] : computed_words(options)) {
    sets_of_words.emplace(word, tag_sets_of(word, category, 0));
  }
  for (const std::string& name : options.fixed_groups) {
    group_named(groups, options, name, where + ".fixed_groups").fixed = true;
  }
  for (const std::string& name : options.break_before) {
    group_named(groups, options, name, where + ".break_before").breaks = true;
  }
  for (const auto& [name, rate] : options.group_dropout) {
    if (name == "tags" || name == "caption") continue;
    group_named(groups, options, name, where + ".group_dropout").dropout = rate;
  }
}

CaptionPolicy::CaptionPolicy() : CaptionPolicy(CaptionOptions()) {}

uint32_t CaptionPolicy::tag_sets_of(std::string_view tag, std::string_view category, int64_t count) const {
  if (tag_sets.empty()) return 0;
  std::vector<std::string_view> kinds = {category};
  if (category == "general" && is_count_tag(tag)) kinds.emplace_back("count");
  return tag_sets.find(tag_as_text(tag), kinds, count);
}

}  // namespace atelier

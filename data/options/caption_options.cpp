#include "data/options/caption_options.h"

namespace atelier {
namespace {

void describe_words(Section& section, CaptionOptions& options) {
  section.field("words_from", options.words_from)
      .at_least(0)
      .doc(
          "What a caption is written from, drawn by weight: caption (one of the sample's own), tags, caption_tags (the "
          "caption, then the tags), tags_caption. {}: the sample's own caption as it stands, or its tags if it has "
          "none. Named explicitly, the first line of a folder's caption files is read as tags, the further lines are "
          "its captions.");
  section.field("caption_choice", options.caption_choice)
      .choices({"first", "uniform", "weighted"})
      .doc("Which of several captions of a sample: the first, any, or by caption_weights.");
  section.field("caption_weights", options.caption_weights)
      .at_least(0)
      .doc("Weight of the first caption, the second, ...; further ones weigh nothing.");
  section.field("tag_groups", options.tag_groups)
      .doc(
          "Groups of tags in the order they are written, of: count (tags that number people: 1girl, solo), character, "
          "copyright, artist, general, meta, rating, quality, year. Groups not named are left out. `general+meta` is "
          "one group of both.");
  section.field("group_separator", options.group_separator)
      .doc(
          "A caption that holds it (`|||` by habit) is cut there into groups; the first of them is neither shuffled "
          "nor dropped. Empty: never cut. Not with words_from.");
  section.sections("tag_sets", options.tag_sets).doc("Named sets of tags, for leave_out and for drop_levels' protect.");
  section.field("leave_out", options.leave_out).doc("Names of tag_sets whose tags are never written.");
  section.section("rating_words", options.rating_words).doc("What the group rating writes.");
  section.section("quality", options.quality).doc("What the group quality writes; null: nothing.");
  section.section("year", options.year).doc("What the group year writes.");
}

void describe_sd_scripts(Section& section, CaptionOptions& options) {
  section.field("caption_prefix", options.caption_prefix).doc("Written before every caption, with a space.");
  section.field("caption_suffix", options.caption_suffix).doc("Written after every caption, with a space.");
  section.field("caption_dropout_rate", options.caption_dropout_rate)
      .range(0, 1)
      .doc("Share of samples trained with an empty caption.");
  section.field("caption_dropout_every_n_epochs", options.caption_dropout_every_n_epochs)
      .at_least(0)
      .unit("epochs")
      .doc("Every so many epochs all captions are empty; 0: never.");
  section.field("enable_wildcard", options.enable_wildcard)
      .doc(
          "Draw one line of a caption of several lines, then one of each {a|b|c}; {{ and }} write braces. Prefix and "
          "suffix are set before, as in sd-scripts: on the first and the last line.");
  section.field("caption_separator", options.caption_separator)
      .doc(
          "What stands between the tags of a caption; shuffled captions are joined with \", \"; empty: the caption is "
          "one tag.");
  section.field("keep_tokens", options.keep_tokens)
      .at_least(0)
      .unit("tags")
      .doc("First tags that are neither shuffled nor dropped.");
  section.field("keep_tokens_separator", options.keep_tokens_separator)
      .doc(
          "Where a caption holds it (`|||` by habit), what stands before it is kept instead, and what stands behind a "
          "second one. Without shuffling, warm-up and tag dropout it stays in the text, as in sd-scripts. Not with "
          "words_from.");
  section.field("token_warmup_min", options.token_warmup_min)
      .at_least(0)
      .unit("tags")
      .doc("Tags after the kept ones that are seen at the first step of the warm-up.");
  section.field("token_warmup_step", options.token_warmup_step)
      .at_least(0)
      .unit("steps")
      .doc("Steps until all tags are seen; below 1: this share of the run; 0: no warm-up.");
  section.field("shuffle_caption", options.shuffle_caption)
      .doc("Write the tags after the kept ones in a new order every time.");
  section.field("caption_tag_dropout_rate", options.caption_tag_dropout_rate)
      .range(0, 1)
      .doc("Chance of each tag after the kept ones to be left out.");
  section.field("secondary_separator", options.secondary_separator)
      .doc(
          "Holds tags together that are shuffled and dropped as one (`;;;` by habit); caption_separator is written in "
          "its place.");
}

void describe_groups(Section& section, CaptionOptions& options) {
  section.field("fixed_groups", options.fixed_groups)
      .doc("Groups of tag_groups that are neither moved, shuffled nor dropped.");
  section.field("group_shuffle", options.group_shuffle)
      .choices({"none", "within_groups", "groups", "both"})
      .doc("Shuffle the tags within each group, the groups, or both.");
  section.field("group_dropout", options.group_dropout)
      .range(0, 1)
      .doc(
          "Chance of a group, as it is written in tag_groups, to be left out as a whole: {artist: 0.1}; `tags` are all "
          "groups, `caption` is the sample's own caption beside them.");
  section.field("frequency_dropout", options.frequency_dropout)
      .at_least(1)
      .doc(
          "For tags of a category, T of {artist: T}: a tag of n posts is left out with the chance 1 - T / n, so that "
          "it "
          "is seen about T times an epoch.");
  section.section("drop_levels", options.drop_levels).doc("Captions of several lengths.");
}

void describe_spelling(Section& section, CaptionOptions& options) {
  section.section("register_token", options.register_token)
      .doc("A random word at the end, which takes up what no tag explains.");
  section.section("spelling", options.spelling)
      .doc("Other spellings, drawn tag by tag; faces such as ^_^ keep theirs.");
  section.section("paraphrase", options.paraphrase).doc("Other words for a tag.");
  section.field("join_separators", options.join_separators)
      .at_least(0)
      .doc("What is written between tags, drawn by weight once a caption: {\", \": 0.5, \",\": 0.475}. {}: \", \".");
  section.field("break_before", options.break_before)
      .doc(
          "Groups before which BREAK begins a new chunk of tokens; needs train.weighted_captions or a "
          "train.token_chunking other than blind75.");
}

}  // namespace

void describe(Section& section, RatingWordOptions& options) {
  const auto add = [&section](const std::string& rating, std::vector<std::string>& words) {
    section.field(rating, words).doc("Words of which one is drawn for posts rated " + rating + "; \"\": none.");
  };
  add("general", options.general);
  add("safe", options.safe);
  add("sensitive", options.sensitive);
  add("questionable", options.questionable);
  add("explicit", options.explicit_);
}

void describe(Section& section, QualityOptions& options) {
  section.field("basis", options.basis).choices({"score", "fav_count"}).doc("The number that posts are ranked by.");
  section.field("within", options.within)
      .choices({"all", "rating", "rating_window"})
      .doc(
          "Whom a post is ranked among: all posts, those of its rating, or those of its rating published around its "
          "own "
          "time (`window`).");
  section.field("window", options.window)
      .doc(
          "Width of the moving window, with the post in its middle: \"180 days\" or \"20000 posts\". Only for "
          "within: rating_window.");
  section.field("cuts", options.cuts)
      .range(0, 100)
      .unit("%")
      .doc("Percentiles, rising, up to and with which each word but the last reaches. Ties share their middle rank.");
  section.field("words", options.words).doc("One word more than cuts, from the worst to the best; \"\": none.");
  section.field("skip_if_newer_than", options.skip_if_newer_than)
      .doc(
          "No word for posts younger than this, whose score is still growing: \"2024-09-01\", or \"60 days\" before "
          "the newest post.");
}

void describe(Section& section, YearOptions& options) {
  section.field("words", options.words)
      .range(1900, 9999)
      .doc("The last year of each word: {oldest: 2017, newest: 2023}. Later posts get the last word. {}: none.");
  section.field("literal_share", options.literal_share)
      .range(0, 1)
      .doc("Share of captions that say `year 2021` instead.");
}

void describe(Section& section, TagSetOptions& options) {
  section.field("name", options.name).doc("How other options name the set.");
  section.field("match", options.match)
      .choices({"exact", "prefix", "suffix", "substring", "regex", "category", "frequency"})
      .doc(
          "How `words` are compared with a tag, written with spaces: regex must fit all of it (ECMAScript); category: "
          "its category or group (count, character, copyright, artist, general, meta, rating, quality, year); "
          "frequency: tags of more than `above` posts. Tags of a written caption have no category and no number.");
  section.field("words", options.words).doc("Words, beginnings, patterns or categories, as `match` says.");
  section.field("above", options.above).at_least(0).unit("posts").doc("For match: frequency.");
  section.field("drop_probability", options.drop_probability)
      .range(0, 1)
      .doc("Chance of a tag to lose the protection of this set; 0: never dropped.");
}

void describe(Section& section, DropLevelOptions& options) {
  section.field("p", options.p)
      .range(0, 1)
      .doc("Chance of the level (drop_levels.mode says of what); null: whatever is left.");
  section.field("keep", options.keep)
      .doc(
          "How many of the n tags stay, rounded down: an expression of numbers, n, rate, U (uniform in 0 to 1), min, "
          "max, randint(a, b) and + - * /, such as \"max(0.3n, 10)\" or \"n(1 - rate*U)\".");
  section.field("protect", options.protect).doc("Names of tag_sets whose tags stay all the same.");
  section.field("caption", options.caption)
      .choices({"drawn", "shortest", "longest"})
      .doc("Which of the sample's own captions goes with the level; drawn: as caption_choice says.");
  section.field("marker", options.marker).doc("Written at the end of captions of this level (\"simple caption\").");
  section.field("marker_probability", options.marker_probability).range(0, 1).doc("Chance of the marker.");
  section.field("marker_min_tags", options.marker_min_tags)
      .at_least(0)
      .unit("tags")
      .doc("No marker if fewer tags stayed.");
  section.field("marker_max_tags", options.marker_max_tags)
      .at_least(0)
      .unit("tags")
      .doc("No marker if more tags stayed.");
}

void describe(Section& section, DropLevelsOptions& options) {
  section.field("mode", options.mode)
      .choices({"sequential_conditional", "absolute"})
      .doc(
          "What p means. sequential_conditional: each level has its own draw, made if those before were not taken "
          "(0.3, "
          "0.2 come to 30 % and 14 %). absolute: shares of all captions, which add up to at most 1.");
  section.field("rate", options.rate).range(0, 1).doc("What `rate` means in the levels' `keep`.");
  section.field("min_tags_untouched", options.min_tags_untouched)
      .at_least(0)
      .unit("tags")
      .doc("Captions of fewer tags (fixed ones not counted) keep them all.");
  section.field("max_tags", options.max_tags)
      .at_least(1)
      .unit("tags")
      .doc("Tags above this number are left out at random, before any level; only where there are levels.");
  section.sections("levels", options.levels).doc("The levels, in the order of their draws; []: none.");
}

void describe(Section& section, RegisterTokenOptions& options) {
  section.field("probability", options.probability).range(0, 1).doc("Share of captions that get one.");
  section.field("alphabet", options.alphabet).doc("ASCII characters that it is made of.");
  section.field("min_length", options.min_length).range(1, 64).unit("characters").doc("Least length.");
  section.field("max_length", options.max_length).range(1, 64).unit("characters").doc("Greatest length.");
}

void describe(Section& section, SpellingOptions& options) {
  section.field("capitalize", options.capitalize).range(0, 1).doc("Chance of a tag to begin with a capital.");
  section.field("lower_case", options.lower_case).range(0, 1).doc("Chance of a tag to be all lower case.");
  section.field("hyphen_to_space", options.hyphen_to_space).range(0, 1).doc("Chance of a tag's `-` to be spaces.");
  section.field("underscore_to_space", options.underscore_to_space)
      .range(0, 1)
      .doc("Chance of the `_` of a tag in a written caption to be spaces.");
}

void describe(Section& section, ParaphraseOptions& options) {
  section.field("dictionary", options.dictionary)
      .path()
      .doc("A text file, a line a variant: tag, tab, other words, and on wish tab, weight (else 1). null: none.");
  section.field("probability", options.probability)
      .range(0, 1)
      .doc("Chance of a tag in the dictionary to be looked up.");
  section.field("keep_original", options.keep_original).doc("The tag itself is one more variant, of weight 1.");
}

void describe(Section& section, CaptionOptions& options) {
  section.field("recipe", options.recipe)
      .choices({"illustrious-v0.1", "illustrious-v1.0", "illustrious-v1.1", "illustrious-v2.0", "noobai", "animagine",
                "kohya-plain"})
      .path()
      .recipe("recipes/captions")
      .doc(
          "The captions of a published model, or a YAML of the keys of this section: read first, so that keys given "
          "beside it change it.");
  describe_words(section, options);
  describe_sd_scripts(section, options);
  describe_groups(section, options);
  describe_spelling(section, options);
}

}  // namespace atelier

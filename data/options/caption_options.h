// How a sample's caption is made (`dataset.captions`, or `captions` of one source). Names and meanings are sd-scripts'
// where it has one; docs/captions.md tells the order in which everything acts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "configs/schema/field.h"

namespace atelier {

/// The words written for a rating; of several one is drawn, "" writes nothing.
struct RatingWordOptions {
  std::vector<std::string> general = {"general"};
  std::vector<std::string> safe = {"safe"};
  std::vector<std::string> sensitive = {"sensitive"};
  std::vector<std::string> questionable = {"questionable"};
  std::vector<std::string> explicit_ = {"explicit"};
};

/// A word for how well liked a post is among its like.
struct QualityOptions {
  std::string basis = "score";
  std::string within = "rating";
  std::string window = "180 days";
  std::vector<double> cuts = {8, 20, 60, 82, 92};
  std::vector<std::string> words = {"worst quality", "bad quality",  "average quality",
                                    "good quality",  "best quality", "masterpiece"};
  std::optional<std::string> skip_if_newer_than = {};
};

/// A word for when a post was published.
struct YearOptions {
  std::map<std::string, double> words = {};
  double literal_share = 0;
};

/// Tags that something is said of together.
struct TagSetOptions {
  std::string name = {};
  std::string match = "exact";
  std::vector<std::string> words = {};
  int64_t above = 0;
  double drop_probability = 0;
};

/// One way to thin out a caption.
struct DropLevelOptions {
  std::optional<double> p = {};
  std::string keep = "n";
  std::vector<std::string> protect = {};
  std::string caption = "drawn";
  std::string marker = {};
  double marker_probability = 0;
  int64_t marker_min_tags = 0;
  std::optional<int64_t> marker_max_tags = {};
};

struct DropLevelsOptions {
  std::string mode = "sequential_conditional";
  double rate = 0;
  int64_t min_tags_untouched = 10;
  int64_t max_tags = 300;
  std::vector<DropLevelOptions> levels = {};
};

/// A random word for what no other word explains.
struct RegisterTokenOptions {
  double probability = 0;
  std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  int64_t min_length = 5;
  int64_t max_length = 10;
};

/// Other spellings of tags, each tag by its own draw.
struct SpellingOptions {
  double capitalize = 0;
  double lower_case = 0;
  double hyphen_to_space = 0;
  double underscore_to_space = 0;
};

struct ParaphraseOptions {
  std::optional<std::string> dictionary = {};
  double probability = 1;
  bool keep_original = true;
};

struct CaptionOptions {
  std::optional<std::string> recipe = {};
  // what is written
  std::map<std::string, double> words_from = {};
  std::string caption_choice = "first";
  std::vector<double> caption_weights = {};
  std::vector<std::string> tag_groups = {"count", "character", "copyright", "artist", "general"};
  std::string group_separator = {};
  std::vector<TagSetOptions> tag_sets = {};
  std::vector<std::string> leave_out = {};
  RatingWordOptions rating_words;
  std::optional<QualityOptions> quality = {};
  YearOptions year;
  // sd-scripts' own, in its order
  std::string caption_prefix = {};
  std::string caption_suffix = {};
  double caption_dropout_rate = 0;
  int64_t caption_dropout_every_n_epochs = 0;
  bool enable_wildcard = false;
  std::string caption_separator = ",";
  int64_t keep_tokens = 0;
  std::string keep_tokens_separator = {};
  int64_t token_warmup_min = 1;
  double token_warmup_step = 0;
  bool shuffle_caption = false;
  double caption_tag_dropout_rate = 0;
  std::string secondary_separator = {};
  // groups and single tags
  std::vector<std::string> fixed_groups = {};
  std::string group_shuffle = "none";
  std::map<std::string, double> group_dropout = {};
  std::map<std::string, double> frequency_dropout = {};
  DropLevelsOptions drop_levels;
  // how it is spelled
  RegisterTokenOptions register_token;
  SpellingOptions spelling;
  ParaphraseOptions paraphrase;
  std::map<std::string, double> join_separators = {};
  std::vector<std::string> break_before = {};
};

void describe(Section& section, RatingWordOptions& options);
void describe(Section& section, QualityOptions& options);
void describe(Section& section, YearOptions& options);
void describe(Section& section, TagSetOptions& options);
void describe(Section& section, DropLevelOptions& options);
void describe(Section& section, DropLevelsOptions& options);
void describe(Section& section, RegisterTokenOptions& options);
void describe(Section& section, SpellingOptions& options);
void describe(Section& section, ParaphraseOptions& options);
void describe(Section& section, CaptionOptions& options);

}  // namespace atelier

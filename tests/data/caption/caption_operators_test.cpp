// The operators beyond sd-scripts'.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "configs/schema/reader.h"
#include "data/caption/caption.h"
#include "data/caption/paraphrases.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

constexpr int64_t kDraws = 20000;

std::string draw(const CaptionSource& source, const CaptionPolicy& policy, int64_t epoch) {
  return make_caption(source, policy, {7, "post", epoch, 0}).text;
}

std::vector<std::string> pieces(const std::string& caption) {
  std::vector<std::string> out;
  for (const std::string_view piece : split(caption, ',')) out.emplace_back(trim(piece));
  return out;
}

bool has(const std::vector<std::string>& list, std::string_view word) { return std::ranges::count(list, word) > 0; }

/// Within `sigmas` standard deviations of the binomial distribution.
void expect_share(int64_t count, int64_t draws, double rate, double sigmas = 5) {
  const double deviation = std::sqrt(static_cast<double>(draws) * rate * (1 - rate));
  EXPECT_NEAR(static_cast<double>(count), static_cast<double>(draws) * rate, sigmas * deviation + 1e-9);
}

/// The captions of so many epochs.
std::vector<std::string> captions_of(const CaptionSource& source, const CaptionPolicy& policy,
                                     int64_t epochs = kDraws) {
  std::vector<std::string> captions;
  for (int64_t epoch = 0; epoch < epochs; ++epoch) captions.push_back(draw(source, policy, epoch));
  return captions;
}

/// How many of kDraws captions fulfil `is`.
template <typename Is>
int64_t count_draws(const CaptionSource& source, const CaptionPolicy& policy, Is&& is) {
  return std::ranges::count_if(captions_of(source, policy), is);
}

/// Two artists, a character, and `general` tags that no other word holds.
struct Post {
  explicit Post(int general = 6) {
    for (int i = 0; i < general; ++i) names.push_back("tag_no_" + std::to_string(100 + i));
    for (const std::string& name : names) source.tags.push_back({.name = name, .count = 500});
    source.tags.insert(source.tags.begin(), {{.name = "1girl", .count = 9000},
                                             {.name = "first_artist", .category = TagCategory::kArtist, .count = 1000},
                                             {.name = "second_artist", .category = TagCategory::kArtist, .count = 50},
                                             {.name = "lina", .category = TagCategory::kCharacter, .count = 400}});
    source.rating = "questionable";
    source.year = 2018;
    source.quality = "best quality";
  }
  std::vector<std::string> names;
  CaptionSource source;
};

TEST(CaptionOperators, GroupsStandInAnyOrderAndMayBeJoined) {
  CaptionOptions options;
  options.tag_groups = {"year", "quality", "count+artist", "rating", "character"};
  options.year.words = {{"old", 2015}, {"mid", 2018}, {"new", 2021}};
  EXPECT_EQ(draw(Post().source, options, 0),
            "mid, best quality, 1girl, first artist, second artist, questionable, lina");
}

TEST(CaptionOperators, YearsGetTheFirstWordThatReachesThem) {
  CaptionOptions options;
  options.tag_groups = {"year"};
  options.year.words = {{"new", 2023}, {"old", 2017}};
  CaptionSource source;
  const std::pair<int32_t, const char*> cases[] = {{1999, "old"}, {2017, "old"}, {2018, "new"}, {2031, "new"}};
  for (const auto& [year, word] : cases) {
    source.year = year;
    EXPECT_EQ(draw(source, options, 0), word) << year;
  }
  options.year.literal_share = 0.25;
  expect_share(count_draws(source, options, [](const std::string& text) { return text == "year 2031"; }), kDraws, 0.25);
  source.year.reset();
  EXPECT_EQ(draw(source, options, 0), "");
}

TEST(CaptionOperators, RatingsAreWrittenInTheirWords) {
  CaptionOptions options;
  options.tag_groups = {"count", "rating"};
  options.rating_words.questionable = {"nsfw", "", "risky"};
  std::map<std::string, int64_t> counts;
  for (const std::string& text : captions_of(Post().source, options)) ++counts[text];
  ASSERT_EQ(counts.size(), 3u);
  for (const char* text : {"1girl, nsfw", "1girl", "1girl, risky"}) expect_share(counts[text], kDraws, 1.0 / 3);
}

TEST(CaptionOperators, GroupsAreShuffledWithinAndAmongEachOther) {
  CaptionOptions options;
  options.tag_groups = {"count", "artist", "character"};
  options.fixed_groups = {"count"};
  const auto orders = [&](const char* shuffle) {
    options.group_shuffle = shuffle;
    std::set<std::string> seen;
    for (const std::string& text : captions_of(Post().source, options, 200)) seen.insert(text);
    return seen;
  };
  using Orders = std::set<std::string>;
  const std::string a = "1girl, first artist, second artist, lina", b = "1girl, second artist, first artist, lina",
                    c = "1girl, lina, first artist, second artist", d = "1girl, lina, second artist, first artist";
  EXPECT_EQ(orders("none"), (Orders{a}));
  EXPECT_EQ(orders("within_groups"), (Orders{a, b}));
  EXPECT_EQ(orders("groups"), (Orders{a, c}));
  EXPECT_EQ(orders("both"), (Orders{a, b, c, d}));
}

TEST(CaptionOperators, AWrittenCaptionIsCutIntoGroups) {
  CaptionSource source;
  source.captions = {"1girl, solo ||| miku ||| red, blue"};
  CaptionOptions options;
  options.group_separator = "|||";
  options.group_shuffle = "within_groups";
  std::set<std::string> seen;
  for (const std::string& text : captions_of(source, options, 50)) seen.insert(text);
  EXPECT_EQ(seen, (std::set<std::string>{"1girl, solo, miku, red, blue", "1girl, solo, miku, blue, red"}));
}

TEST(CaptionOperators, GroupsAreDroppedAsAWhole) {
  CaptionOptions options;
  options.words_from = {{"caption_tags", 1}};
  options.tag_groups = {"count", "artist"};
  options.group_dropout = {{"artist", 0.2}, {"tags", 0.1}, {"caption", 0.3}};
  Post post;
  post.source.captions = {"A girl, standing."};
  int64_t artists = 0, tags = 0, captions = 0;
  for (const std::string& text : captions_of(post.source, options)) {
    EXPECT_EQ(text.find("first artist") == text.npos, text.find("second artist") == text.npos);
    artists += text.find("1girl") != text.npos && text.find("artist") == text.npos;
    tags += text.find("1girl") == text.npos;
    captions += text.find("standing") == text.npos;
  }
  expect_share(artists, kDraws, 0.9 * 0.2);
  expect_share(tags, kDraws, 0.1);
  expect_share(captions, kDraws, 0.3);
}

TEST(CaptionOperators, FrequentTagsAreNamedAboutTTimes) {
  CaptionOptions options;
  options.tag_groups = {"artist", "character"};
  options.frequency_dropout = {{"artist", 100}};
  int64_t first = 0;
  for (const std::string& text : captions_of(Post().source, options)) {
    const std::vector<std::string> tags = pieces(text);
    first += has(tags, "first artist");
    ASSERT_TRUE(has(tags, "second artist") && has(tags, "lina"));
  }
  expect_share(first, kDraws, 100.0 / 1000);
}

TEST(CaptionOperators, SetsMatchByEveryRule) {
  const CaptionOptions options = [] {
    CaptionOptions made;
    const auto add = [&made](const char* name, const char* match, std::vector<std::string> words, int64_t above = 0) {
      made.tag_sets.push_back({name, match, std::move(words), above, 0});
    };
    add("exact", "exact", {"long_hair", "red"});
    add("prefix", "prefix", {"long"});
    add("suffix", "suffix", {"hair"});
    add("substring", "substring", {"ng_ha"});
    add("regex", "regex", {"[a-z]+ [a-z]+"});
    add("category", "category", {"artist", "count"});
    add("frequency", "frequency", {}, 100);
    return made;
  }();
  const CaptionPolicy policy(options);
  EXPECT_EQ(policy.tag_sets_of("long_hair", "general", 100), 0b0011111u);
  EXPECT_EQ(policy.tag_sets_of("long_hair", "artist", 101), 0b1111111u);
  EXPECT_EQ(policy.tag_sets_of("hairs", "general", 1), 0u);
  EXPECT_EQ(policy.tag_sets_of("multiple_girls", "general", 1), 0b0110000u);
}

TEST(CaptionOperators, TagsOfASetCanBeLeftOut) {
  CaptionOptions options;
  options.tag_groups = {"count", "artist"};
  options.tag_sets = {{"seconds", "prefix", {"second"}, 0, 0}};
  options.leave_out = {"seconds"};
  EXPECT_EQ(draw(Post().source, options, 0), "1girl, first artist");
}

CaptionOptions recipe(const std::string& name) {
  CaptionOptions options;
  Section section;
  describe(section, options);
  Node root;
  root.kind = Node::Kind::kMap;
  root.map.emplace_back("recipe", Node::of(name));
  read_section(section, root);
  return options;
}

/// The published numbers: 30, 20, 10 and 4 % of what the levels before left over, the rest for the last.
TEST(CaptionOperators, LevelsOfIllustriousComeAsOftenAsSpecified) {
  const CaptionPolicy policy(recipe("illustrious-v1.0"));
  const Post post(40);
  constexpr int64_t kMany = 100'000;
  CaptionSource source = post.source;
  for (SourceTag& tag : source.tags) {  // as the loader does: patterns are slow
    const std::string_view category = kTagCategoryNames[static_cast<size_t>(tag.category)];
    tag.in_tag_sets = policy.tag_sets_of(tag.name, category, tag.count);
  }
  std::map<int32_t, int64_t> levels;
  for (int64_t epoch = 0; epoch < kMany; ++epoch) {
    const Caption caption = make_caption(source, policy, {7, "post", epoch, 0});
    if (!caption.text.empty()) ++levels[caption.level];
  }
  int64_t all = 0;
  for (const auto& [level, count] : levels) all += count;
  expect_share(all, kMany, 0.9, 3);  // caption_dropout_rate
  const double expected[] = {0.3, 0.7 * 0.2, 0.7 * 0.8 * 0.1, 0.7 * 0.8 * 0.9 * 0.04, 0.7 * 0.8 * 0.9 * 0.96};
  ASSERT_EQ(levels.size(), 5u);
  for (int32_t level = 0; level < 5; ++level) {
    SCOPED_TRACE(level);
    expect_share(levels[level], all, expected[level], 3);
  }
}

TEST(CaptionOperators, AbsoluteLevelsAreShares) {
  CaptionOptions options;
  options.drop_levels.mode = "absolute";
  options.drop_levels.levels = {{.p = 0.5, .keep = "2"}, {.p = 0.3, .keep = "3"}};
  std::map<int32_t, int64_t> levels;
  const CaptionPolicy policy(options);
  const Post post(20);
  for (int64_t epoch = 0; epoch < kDraws; ++epoch) {
    const Caption caption = make_caption(post.source, policy, {7, "post", epoch, 0});
    ++levels[caption.level];
    const size_t kept = caption.level == 0 ? 2 : caption.level == 1 ? 3 : 24;
    ASSERT_EQ(pieces(caption.text).size(), kept) << caption.text;
  }
  expect_share(levels[0], kDraws, 0.5);
  expect_share(levels[1], kDraws, 0.3);
  expect_share(levels[-1], kDraws, 0.2);
  options.drop_levels.levels = {{.p = 0.5}, {.p = 0.6}};
  EXPECT_THROW(CaptionPolicy{options}, ConfigError);
}

/// 24 tags: `keep` of the free ones, in their order; fixed groups and protected sets stay besides.
TEST(CaptionOperators, ALevelKeepsSoManyTagsAndTheProtectedOnes) {
  CaptionOptions options;
  options.tag_groups = {"count", "artist", "character", "general"};
  options.fixed_groups = {"count"};
  options.tag_sets = {{"names", "category", {"artist"}, 0, 0}, {"weak", "exact", {"lina"}, 0, 0.25}};
  options.drop_levels.levels = {{.p = 1.0, .keep = "0", .protect = {"names", "weak"}}};
  const Post post(20);
  int64_t lina = 0;
  for (const std::string& text : captions_of(post.source, options)) {
    ASSERT_TRUE(text == "1girl, first artist, second artist" || text == "1girl, first artist, second artist, lina");
    lina += text.ends_with("lina");
  }
  expect_share(lina, kDraws, 0.75);

  options.drop_levels.levels = {{.p = 1.0, .keep = "0.5n"}};
  std::map<std::string, int64_t> kept;
  for (const std::string& text : captions_of(post.source, options)) {
    const std::vector<std::string> tags = pieces(text);
    ASSERT_EQ(tags.size(), 1 + 23u / 2);
    ASSERT_TRUE(std::ranges::is_sorted(tags.end() - 7, tags.end())) << "order is kept";
    for (const std::string& tag : tags) ++kept[tag];
  }
  for (const auto& [tag, count] : kept) {
    if (tag != "1girl") expect_share(count, kDraws, 11.0 / 23);
  }
}

TEST(CaptionOperators, ShortCaptionsStayAndLongOnesAreCapped) {
  CaptionOptions options;
  options.drop_levels.levels = {{.p = 1.0, .keep = "1"}};
  options.drop_levels.min_tags_untouched = 10;
  EXPECT_EQ(pieces(draw(Post(5).source, options, 0)).size(), 9u);
  EXPECT_EQ(pieces(draw(Post(6).source, options, 0)).size(), 1u);
  options.drop_levels.levels = {{.p = 0.0}};
  options.drop_levels.max_tags = 30;
  EXPECT_EQ(pieces(draw(Post(60).source, options, 0)).size(), 30u);
}

TEST(CaptionOperators, LevelsCarryMarkers) {
  CaptionOptions options;
  options.drop_levels.levels = {
      {.p = 1.0, .keep = "6", .marker = "simple caption", .marker_probability = 0.25, .marker_max_tags = 6}};
  const auto is_marked = [](const std::string& text) { return text.ends_with(", simple caption"); };
  const Post post(20);
  expect_share(count_draws(post.source, options, is_marked), kDraws, 0.25);
  options.drop_levels.levels[0].marker_max_tags = 5;
  EXPECT_EQ(count_draws(post.source, options, is_marked), 0);
}

TEST(CaptionOperators, RegisterTokensAreRandomWordsAtTheEnd) {
  CaptionOptions options;
  options.register_token = {.probability = 0.42, .alphabet = "xyz", .min_length = 5, .max_length = 7};
  CaptionSource source;
  source.captions = {"a, b"};
  std::map<size_t, int64_t> lengths;
  std::set<std::string> different;
  for (const std::string& text : captions_of(source, options)) {
    const std::vector<std::string> tags = pieces(text);
    if (tags.size() == 2) continue;
    EXPECT_EQ(tags.back().find_first_not_of("xyz"), std::string::npos);
    ++lengths[tags.back().size()];
    different.insert(tags.back());
  }
  ASSERT_EQ(lengths.size(), 3u);
  for (const size_t length : {5, 6, 7}) expect_share(lengths[length], kDraws, 0.14);
  EXPECT_GT(different.size(), 1500u);
}

TEST(CaptionOperators, SpellingIsDrawnTagByTag) {
  CaptionOptions options;
  options.spelling = {.capitalize = 0.1, .lower_case = 0.3, .hyphen_to_space = 0.5, .underscore_to_space = 0.5};
  CaptionSource source;
  source.captions = {"Red-Hair, ^_^, blue_eyes"};
  int64_t spaced = 0, lower = 0, capital = 0, eyes = 0;
  for (const std::string& text : captions_of(source, options)) {
    const std::vector<std::string> tags = pieces(text);
    ASSERT_EQ(tags[1], "^_^");
    spaced += tags[0].find(' ') != std::string::npos;
    lower += tags[0][0] == 'r';
    capital += tags[2][0] == 'B';
    eyes += tags[2].find(' ') != std::string::npos;
  }
  expect_share(spaced, kDraws, 0.5);
  expect_share(eyes, kDraws, 0.5);
  expect_share(lower, kDraws, 0.3);
  expect_share(capital, kDraws, 0.1);
}

TEST(CaptionOperators, SeparatorsAreDrawnOnceACaption) {
  CaptionOptions options;
  options.join_separators = {{", ", 0.5}, {",", 0.475}, {" ", 0.025}};
  CaptionSource source;
  source.captions = {"a, b,c"};
  std::map<std::string, int64_t> counts;
  for (const std::string& text : captions_of(source, options)) ++counts[text];
  ASSERT_EQ(counts.size(), 3u);
  expect_share(counts["a, b, c"], kDraws, 0.5);
  expect_share(counts["a,b,c"], kDraws, 0.475);
  expect_share(counts["a b c"], kDraws, 0.025);
}

TEST(CaptionOperators, CaptionsAndTagsAreMixed) {
  CaptionOptions options;
  options.tag_groups = {"count"};
  options.words_from = {{"caption", 1}, {"tags", 1}, {"caption_tags", 1}, {"tags_caption", 1}};
  options.caption_choice = "weighted";
  options.caption_weights = {1, 3};
  Post post;
  post.source.captions = {"One.", "Two, long."};
  std::map<std::string, int64_t> counts;
  for (const std::string& text : captions_of(post.source, options)) ++counts[text];
  expect_share(counts["One."], kDraws, 0.25 * 0.25);
  expect_share(counts["Two, long."], kDraws, 0.25 * 0.75);
  expect_share(counts["1girl"], kDraws, 0.25);
  expect_share(counts["One., 1girl"], kDraws, 0.25 * 0.25);
  expect_share(counts["1girl, Two, long."], kDraws, 0.25 * 0.75);
  post.source.caption_is_tags = true;  // the first line is where the tags come from
  EXPECT_EQ(count_draws(post.source, options, [](const std::string& text) { return text.find("One") != text.npos; }),
            0);
  post.source.captions.clear();
  EXPECT_EQ(draw(post.source, options, 0), "1girl");
}

TEST(CaptionOperators, ALevelChoosesTheCaptionOfItsLength) {
  CaptionOptions options;
  options.words_from = {{"caption", 1}};
  options.drop_levels.levels = {{.p = 0.5, .caption = "shortest"}, {.caption = "longest"}};
  options.drop_levels.min_tags_untouched = 0;
  CaptionSource source;
  source.captions = {"Middle one.", "Short.", "The longest of them."};
  const CaptionPolicy policy(options);
  for (int64_t epoch = 0; epoch < 100; ++epoch) {
    const Caption caption = make_caption(source, policy, {7, "post", epoch, 0});
    EXPECT_EQ(caption.text, caption.level == 0 ? "Short." : "The longest of them.");
  }
}

TEST(CaptionOperators, BreakBeginsAChunk) {
  CaptionOptions options;
  options.tag_groups = {"count", "artist", "character"};
  options.break_before = {"artist", "character"};
  EXPECT_EQ(draw(Post().source, options, 0), "1girl BREAK first artist, second artist BREAK lina");
  options.break_before = {"count"};
  EXPECT_EQ(draw(Post().source, options, 0), "1girl, first artist, second artist, lina");
}

TEST(CaptionOperators, ClassTokensStandInForAMissingCaption) {
  CaptionSource source;
  source.class_tokens = "a girl";
  EXPECT_EQ(draw(source, CaptionPolicy(), 0), "a girl");
  source.captions = {"something"};
  EXPECT_EQ(draw(source, CaptionPolicy(), 0), "something");
}

TEST(CaptionOperators, MistakesNameTheirKey) {
  const auto fails_at = [](auto&& change, const std::string& key) {
    CaptionOptions options;
    change(options);
    try {
      CaptionPolicy{options};
      ADD_FAILURE() << key;
    } catch (const ConfigError& error) {
      EXPECT_NE(error.where().find("dataset.captions." + key), std::string::npos) << error.where();
    }
  };
  using Options = CaptionOptions;
  fails_at([](Options& o) { o.tag_groups = {"people"}; }, "tag_groups");
  fails_at([](Options& o) { o.fixed_groups = {"meta"}; }, "fixed_groups");
  fails_at([](Options& o) { o.group_dropout = {{"nobody", 0.1}}; }, "group_dropout");
  fails_at([](Options& o) { o.words_from = {{"sentences", 1}}; }, "words_from");
  fails_at([](Options& o) { o.tag_groups = {"general", "count+general"}; }, "tag_groups");
  fails_at([](Options& o) { o.leave_out = {"strict"}; }, "leave_out");
  fails_at([](Options& o) { o.tag_sets = {{"a", "category", {"artists"}, 0, 0}}; }, "tag_sets: a");
  fails_at([](Options& o) { o.tag_sets = {{"a", "regex", {"("}, 0, 0}}; }, "tag_sets");
  fails_at([](Options& o) { o.tag_sets = {{"a", "exact", {"x"}, 0, 0}, {"a", "exact", {"y"}, 0, 0}}; }, "tag_sets");
  fails_at([](Options& o) { o.drop_levels.levels = {{.keep = "0.3m"}}; }, "drop_levels.levels[0].keep");
  fails_at([](Options& o) { o.drop_levels.levels = {{.protect = {"soft"}}}; }, "drop_levels.levels[0].protect");
  fails_at([](Options& o) { o.caption_choice = "weighted"; }, "caption_weights");
  fails_at([](Options& o) { o.register_token.min_length = 20; }, "register_token");
  fails_at([](Options& o) { o.quality.emplace().cuts = {50}; }, "quality.words");
  fails_at([](Options& o) { o.quality.emplace().cuts = {8, 60, 20, 82, 92}; }, "quality.cuts");
  fails_at([](Options& o) { o.quality.emplace().within = "rating_window", o.quality->window = "6 months"; },
           "quality.window");
  fails_at([](Options& o) { o.quality.emplace().skip_if_newer_than = "2024-13-01"; }, "quality.skip_if_newer_than");
  // A part alone is no group: all of the group would go.
  const auto fails_for_part = [&](auto&& name_it, const std::string& key) {
    fails_at([&](Options& o) { o.tag_groups = {"count", "artist+general"}, name_it(o); }, key);
  };
  fails_for_part([](Options& o) { o.group_dropout = {{"artist", 0.1}}; }, "group_dropout");
  fails_for_part([](Options& o) { o.fixed_groups = {"artist"}; }, "fixed_groups");
  fails_for_part([](Options& o) { o.break_before = {"artist"}; }, "break_before");
}

TEST(CaptionOperators, SeparatorsOfWrittenCaptionsAreMistakesBesideWordsFrom) {
  CaptionOptions options;
  options.keep_tokens_separator = options.group_separator = "|||";
  EXPECT_NO_THROW(CaptionPolicy{options});
  options.words_from = {{"tags", 1}};
  options.group_separator.clear();
  EXPECT_THROW(CaptionPolicy{options}, ConfigError);
  std::swap(options.keep_tokens_separator, options.group_separator);
  EXPECT_THROW(CaptionPolicy{options}, ConfigError);
}

class ParaphraseFile : public testing::Test {
 protected:
  /// All that is written for `tag`.
  std::set<std::string> words(const std::string& content, const std::string& tag, bool keep_original = false) const {
    const std::filesystem::path path = folder_.path() / "words.tsv";
    std::ofstream(path) << content;
    const Paraphrases dictionary({.dictionary = path.string(), .keep_original = keep_original});
    CounterRng draws(1, "test", {});
    std::set<std::string> found;
    for (int i = 0; i < 200; ++i) {
      if (const std::string* drawn = dictionary.draw(tag, draws)) found.insert(*drawn);
    }
    return found;
  }

  TemporaryFolder folder_;
};

TEST_F(ParaphraseFile, HoldsTagsVariantsAndWeights) {
  const std::string content = "# comment\n\nlong_hair\tlengthy hair\nlong hair\tlong locks\t0\nsmile\t\r\n";
  EXPECT_EQ(words(content, "long hair"), (std::set<std::string>{"lengthy hair"}));
  EXPECT_EQ(words(content, "long hair", true), (std::set<std::string>{"lengthy hair", "long hair"}));
  EXPECT_EQ(words(content, "smile"), (std::set<std::string>{""}));
  EXPECT_EQ(words(content, "hat"), std::set<std::string>());
}

TEST_F(ParaphraseFile, AByteOrderMarkBelongsToNoTag) {
  EXPECT_EQ(words("\xEF\xBB\xBFhat\tcap\n", "hat"), (std::set<std::string>{"cap"}));
}

TEST_F(ParaphraseFile, WrongLinesAreNamed) {
  for (const char* line : {"hat", "\tcap", "hat\tcap\tmuch", "hat\tcap\t-1", "a\tb\t1\tc"}) {
    try {
      words(std::string("smile\tgrin\n") + line + "\n", "hat");
      ADD_FAILURE() << line;
    } catch (const ConfigError& error) {
      EXPECT_TRUE(error.where().ends_with("words.tsv:2")) << error.where();
    }
  }
}

TEST(CaptionOperators, EveryRecipeIsAPolicy) {
  for (const char* name : {"illustrious-v0.1", "illustrious-v1.0", "illustrious-v1.1", "illustrious-v2.0", "noobai",
                           "animagine", "kohya-plain"}) {
    SCOPED_TRACE(name);
    EXPECT_NO_THROW(CaptionPolicy(recipe(name)));
  }
  EXPECT_THROW(recipe("illustrious-v9"), ConfigError);
}

}  // namespace
}  // namespace atelier

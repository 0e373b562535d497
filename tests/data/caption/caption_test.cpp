#include "data/caption/caption.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "configs/base/text.h"
#include "data/caption/tag_text.h"

namespace atelier {
namespace {

const CaptionOptions kPlain;
const CaptionKey kKey{.seed = 7, .id = "post", .epoch = 0, .repeat = 0};

CaptionSource written(std::string_view caption) {
  CaptionSource source;
  source.captions = {caption};
  return source;
}

std::string caption_text(const CaptionSource& source, const CaptionOptions& options, const CaptionKey& key) {
  return make_caption(source, options, key).text;
}

std::vector<std::string> pieces(const std::string& caption) {
  std::vector<std::string> out;
  for (const std::string_view piece : split(caption, ',')) out.emplace_back(trim(piece));
  return out;
}

std::vector<std::string> sorted(std::vector<std::string> list) {
  std::ranges::sort(list);
  return list;
}

TEST(Caption, AWrittenCaptionStaysAsItIs) {
  EXPECT_EQ(caption_text(written("A knight,  with_a sword."), kPlain, kKey), "A knight,  with_a sword.");
}

TEST(Caption, TagsAreWrittenGroupAfterGroup) {
  CaptionSource source;
  source.tags = {{.name = "long_hair"},
                 {.name = "1girl"},
                 {.name = "^_^"},
                 {.name = "solo"},
                 {.name = "sword"},
                 {.name = "some_artist", .category = TagCategory::kArtist},
                 {.name = "lina_(fire)", .category = TagCategory::kCharacter},
                 {.name = "a_story", .category = TagCategory::kCopyright},
                 {.name = "highres", .category = TagCategory::kMeta}};
  source.rating = "sensitive";
  EXPECT_EQ(caption_text(source, kPlain, kKey),
            "1girl, solo, lina (fire), a story, some artist, long hair, ^_^, sword");
  CaptionOptions options;
  options.tag_groups = {"rating", "general", "meta"};
  EXPECT_EQ(caption_text(source, options, kKey), "sensitive, long hair, ^_^, sword, highres");
  EXPECT_EQ(caption_text(CaptionSource{}, kPlain, kKey), "");
}

TEST(Caption, TagsLoseUnderscoresButFacesKeepThem) {
  const std::pair<const char*, const char*> cases[] = {
      {"long_hair", "long hair"},
      {"o_o", "o_o"},
      {"^_^", "^_^"},
      {"(o)_(o)", "(o)_(o)"},
      {"||_||", "||_||"},
      {"<|>_<|>", "<|>_<|>"},
      {"a_b_c", "a b c"},
      {"sword", "sword"},
      {"\u3042_\u3042", "\u3042_\u3042"},
      {"lina_(fire)", "lina (fire)"},
  };
  for (const auto& [tag, text] : cases) EXPECT_EQ(tag_as_text(tag), text);
}

TEST(Caption, CountTagsNumberPeople) {
  for (const char* tag : {"1girl", "2girls", "6+girls", "1boy", "5boys", "1other", "6+others", "multiple_girls",
                          "multiple_boys", "multiple_others", "solo"}) {
    EXPECT_TRUE(is_count_tag(tag)) << tag;
  }
  for (const char* tag :
       {"girl", "+girls", "multiple_views", "multiple_", "1girls_story", "2023", "solo_focus", "", "6+", "1cat"}) {
    EXPECT_FALSE(is_count_tag(tag)) << tag;
  }
}

TEST(Caption, PrefixAndSuffixStandOutsideWithASpace) {
  CaptionOptions options;
  options.caption_prefix = "portrait of";
  options.caption_suffix = "(style)";
  EXPECT_EQ(caption_text(written("elf, bow"), options, kKey), "portrait of elf, bow (style)");
  CaptionSource source;
  source.tags = {{.name = "elf"}, {.name = "bow"}};
  EXPECT_EQ(caption_text(source, options, kKey), "portrait of elf, bow (style)");
  EXPECT_EQ(caption_text(CaptionSource{}, options, kKey), "portrait of  (style)");
}

TEST(Caption, TheShuffleKeepsTheFirstTagsAndAllTheOthers) {
  CaptionOptions options;
  options.shuffle_caption = true;
  options.keep_tokens = 2;
  std::set<std::string> seen;
  for (int64_t epoch = 0; epoch < 50; ++epoch) {
    const std::string caption = caption_text(written("a , b,c,d_d,  e"), options, {7, "post", epoch, 0});
    const std::vector<std::string> tags = pieces(caption);
    ASSERT_EQ(tags.size(), 5u) << caption;
    EXPECT_EQ(caption.substr(0, 6), "a, b, ");
    EXPECT_EQ(sorted(tags), (std::vector<std::string>{"a", "b", "c", "d_d", "e"}));
    seen.insert(caption);
  }
  EXPECT_EQ(seen.size(), 6u) << "3! orders of the rest";
  options.keep_tokens = 9;
  EXPECT_EQ(caption_text(written("a,b"), options, kKey), "a, b");
}

TEST(Caption, AnotherSeparatorCutsThere) {
  CaptionOptions options;
  options.shuffle_caption = true;
  options.keep_tokens = 2;
  options.caption_separator = "|";
  EXPECT_EQ(caption_text(written("one, two | three"), options, kKey), "one, two, three");
  options.caption_separator = "";
  EXPECT_EQ(caption_text(written("one, two"), options, kKey), "one, two");
}

/// Uniform over all 4! orders: chi-square with 23 degrees of freedom stays below its 0.9999 quantile, 58.6.
TEST(Caption, TheShuffleIsUniform) {
  CaptionOptions options;
  options.shuffle_caption = true;
  constexpr int kDraws = 24000;
  std::map<std::string, int> counts;
  for (int i = 0; i < kDraws; ++i) ++counts[caption_text(written("a, b, c, d"), options, {7, std::to_string(i), 3, 1})];
  ASSERT_EQ(counts.size(), 24u);
  double chi_square = 0;
  for (const auto& [caption, count] : counts) chi_square += std::pow(count - kDraws / 24.0, 2) / (kDraws / 24.0);
  EXPECT_LT(chi_square, 58.6);
}

/// Within five standard deviations of the binomial distribution.
void expect_share(int64_t count, int64_t draws, double rate) {
  const double deviation = std::sqrt(static_cast<double>(draws) * rate * (1 - rate));
  EXPECT_NEAR(static_cast<double>(count), static_cast<double>(draws) * rate, 5 * deviation);
}

TEST(Caption, WholeCaptionsAreDroppedAtTheirRate) {
  CaptionOptions options;
  options.caption_dropout_rate = 0.1;
  options.caption_prefix = "portrait";
  int64_t dropped = 0;
  for (int i = 0; i < 20000; ++i)
    dropped += caption_text(written("a, b"), options, {7, std::to_string(i), 0, 0}).empty();
  expect_share(dropped, 20000, 0.1);
}

TEST(Caption, EachTagIsDroppedAtItsRateAndByItself) {
  CaptionOptions options;
  options.caption_tag_dropout_rate = 0.3;
  options.keep_tokens = 1;
  int64_t b = 0, c = 0, both = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::vector<std::string> tags = pieces(caption_text(written("a, b, c"), options, {7, "post", i, 0}));
    ASSERT_EQ(tags.front(), "a");
    const bool has_b = std::ranges::count(tags, "b") > 0, has_c = std::ranges::count(tags, "c") > 0;
    b += !has_b, c += !has_c, both += !has_b && !has_c;
  }
  expect_share(b, 20000, 0.3);
  expect_share(c, 20000, 0.3);
  expect_share(both, 20000, 0.09);
  options.caption_tag_dropout_rate = 1;
  EXPECT_EQ(caption_text(written("a, b, c"), options, kKey), "a");
}

TEST(Caption, EveryPartOfTheKeyCounts) {
  CaptionOptions options;
  options.shuffle_caption = true;
  const auto caption = [&](const CaptionKey& key) {
    return caption_text(written("a,b,c,d,e,f,g,h,i,j"), options, key);
  };
  EXPECT_EQ(caption({1, "x", 2, 3}), caption({1, "x", 2, 3}));
  const std::set<std::string> different = {caption({1, "x", 2, 3}), caption({2, "x", 2, 3}), caption({1, "y", 2, 3}),
                                           caption({1, "x", 3, 3}), caption({1, "x", 2, 4})};
  EXPECT_EQ(different.size(), 5u);
}

}  // namespace
}  // namespace atelier

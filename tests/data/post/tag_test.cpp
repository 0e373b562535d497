// Tags: canonical form, dictionary, patterns, expressions.
#include <gtest/gtest.h>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/post/tag_dictionary.h"
#include "data/post/word_list.h"
#include "data/select/tag_expression.h"
#include "tests/data/post/posts_fixture.h"

namespace atelier {
namespace {

TEST(CanonicalTag, IsWhatTheSiteWouldWrite) {
  EXPECT_EQ(canonical_tag("Long Hair"), "long_hair");
  EXPECT_EQ(canonical_tag("  long   hair\t"), "long_hair");
  EXPECT_EQ(canonical_tag("lina \\(slayers\\)"), "lina_(slayers)");
  EXPECT_EQ(canonical_tag("^_^"), "^_^");
  EXPECT_EQ(canonical_tag("\\m/"), "\\m/");  // a real tag: only parentheses are escaped
  EXPECT_EQ(canonical_tag("Pok\xC3\xA9mon"), "pok\xC3\xA9mon");
  EXPECT_EQ(canonical_tag("   "), "");
}

TEST(TagDictionary, GivesIdsInOrderAndFindsThem) {
  TagDictionary tags;
  EXPECT_EQ(tags.intern("a"), 0);
  EXPECT_EQ(tags.intern("b"), 1);
  EXPECT_EQ(tags.intern("a"), 0);
  EXPECT_EQ(tags.find("b"), 1);
  EXPECT_EQ(tags.find("c"), TagDictionary::kUnknown);
  EXPECT_EQ(tags.size(), 2);
}

TEST(TagDictionary, TheMostVotesDecideTheCategory) {
  TagDictionary tags;
  const int32_t tag = tags.intern("touhou");
  EXPECT_EQ(tags.category(tag), TagCategory::kGeneral);  // nobody said
  tags.vote(tag, TagCategory::kCopyright);
  EXPECT_EQ(tags.category(tag), TagCategory::kCopyright);
  tags.vote(tag, TagCategory::kCharacter, 2);
  EXPECT_EQ(tags.category(tag), TagCategory::kCharacter);
}

TEST(TagDictionary, MergingKeepsNamesAndVotes) {
  TagDictionary all, part;
  all.intern("a");
  part.intern("b");
  part.vote(part.intern("a"), TagCategory::kArtist);
  EXPECT_EQ(all.merge(part), (std::vector<int32_t>{1, 0}));
  EXPECT_EQ(all.category(0), TagCategory::kArtist);
  EXPECT_EQ(all.name(1), "b");
}

TEST(MatchesPattern, StarsStandForAnything) {
  EXPECT_TRUE(matches_pattern("*_hair", "long_hair"));
  EXPECT_TRUE(matches_pattern("long_*", "long_hair"));
  EXPECT_TRUE(matches_pattern("*_*_*", "very_long_hair"));
  EXPECT_TRUE(matches_pattern("a*b*c", "a-b-b-c"));
  EXPECT_TRUE(matches_pattern("hair*", "hair"));
  EXPECT_TRUE(matches_pattern("*", ""));
  EXPECT_FALSE(matches_pattern("*_hair", "hairband"));
  EXPECT_FALSE(matches_pattern("hair", "long_hair"));
  EXPECT_FALSE(matches_pattern("a*b", "a-b-c"));
  EXPECT_FALSE(matches_pattern("", "a"));
}

TEST(ReadWordList, SkipsCommentsAndEmptyLines) {
  const TemporaryFolder folder;
  write_text(folder.path() / "list.txt", "# head\nOne Word\n\n  two # tail\r\nc#_(language)\n");
  EXPECT_EQ(read_word_list(folder.path() / "list.txt"), (std::vector<std::string>{"one_word", "two", "c#_(language)"}));
}

/// "1girl solo long_hair lina_(slayers) smile", rated general, score 20, of 2021, 1000 x 500 px; nothing else is known.
class ShownPost : public PostFacts {
 public:
  static constexpr std::array kTags = {"1girl", "solo", "long_hair", "lina_(slayers)", "smile"};

  bool has(int32_t tag) const override { return tag < std::ssize(kTags); }
  std::optional<double> number(PostNumber which) const override {
    switch (which) {
      case PostNumber::kScore: return 20;
      case PostNumber::kYear: return 2021;
      case PostNumber::kAspect: return 2;
      default: return std::nullopt;
    }
  }
  Rating rating() const override { return Rating::kGeneral; }
};

bool passes(std::string_view expression) {
  TagDictionary tags;
  for (const char* tag : ShownPost::kTags) tags.intern(tag);
  for (const char* tag : {"comic", "1boy", "short_hair", "scores", ">_<", "=_="}) tags.intern(tag);
  return TagExpression(expression, tags, "dataset.select.tags").matches(ShownPost());
}

TEST(TagExpression, HoldsAsWritten) {
  for (const char* expression : {"",
                                 "  ",
                                 "solo",
                                 "!comic",
                                 "-comic",
                                 "1girl solo",
                                 "1girl & solo",
                                 "1girl, solo",
                                 "1boy | solo",
                                 "comic | 1boy | 1girl",
                                 "1girl !comic (solo | comic)",
                                 "(1boy comic) | (1girl solo)",
                                 "*_hair",
                                 "lina_(slayers)",
                                 "(lina_(slayers) | comic)",
                                 "\"long hair\"",
                                 "!!solo",
                                 "!(comic 1boy)",
                                 "1GIRL",
                                 "!never_seen",
                                 "long_hair !short_*",
                                 "comic | 1boy | !1boy solo",
                                 "score>=20",
                                 "score >= 20 & 1girl",
                                 "score<20.5, year=2021",
                                 "!(score>20)",
                                 "score!=-5",
                                 "(1boy | score=20)",
                                 "aspect>1.9",
                                 "rating=general",
                                 "rating != explicit",
                                 "!scores",
                                 "!>_< !=_=",
                                 "!\"score\""}) {
    EXPECT_TRUE(passes(expression)) << expression;
  }
  for (const char* expression :
       {"comic", "!solo", "1girl comic", "1girl & !solo", "1boy | comic", "never_seen", "!*_hair", "!(1girl | comic)",
        "solo (comic | 1boy)", "1boy | comic solo", "\"short hair\"", "score>20", "score<20", "score!=20", "year<2021",
        "fav_count>=0", "fav_count<0", "fav_count!=3", "rating=explicit", "rating!=general", "score>=20 comic"}) {
    EXPECT_FALSE(passes(expression)) << expression;
  }
}

TEST(TagExpression, MistakesArePointedAt) {
  for (const char* expression : {"(solo", "solo)", "!", "solo |", "| solo", "()", "\"solo", "solo & & 1girl", "\"\"",
                                 "score", "score !comic", "score>=", "score>=many", "score==20", "rating>general",
                                 "rating=safest"}) {
    EXPECT_THROW(passes(expression), ConfigError) << expression;
  }
  try {
    passes("1girl (solo");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(error.where().find("character 12"), std::string::npos) << error.where();
  }
}

}  // namespace
}  // namespace atelier

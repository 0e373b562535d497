// The exclusion of posts that sexualise minors, with stand-ins for the words of its lists.
#include "data/post/minors.h"

#include <gtest/gtest.h>

#include "configs/base/text.h"

namespace atelier {
namespace {

const MinorsLists kStandIns = {{"redword", "redword_*", "two_word_red"}, {"bluish", "*_bluish", "small_blue"}};

bool excluded(std::string_view tags, std::string_view caption, Rating rating) {
  const MinorsFilter filter(kStandIns);
  std::vector<int32_t> ids;
  std::vector<MinorsFilter::Verdict> verdicts;
  for (const std::string_view tag : split_words(tags)) {
    ids.push_back(static_cast<int32_t>(ids.size()));
    verdicts.push_back(filter.tag_verdict(tag));
  }
  return filter.excludes(ids, verdicts, caption, rating);
}

constexpr Rating kAllRatings[] = {Rating::kGeneral,      Rating::kSafe,     Rating::kSensitive,
                                  Rating::kQuestionable, Rating::kExplicit, Rating::kUnknown};

TEST(MinorsFilter, WordsOfTheFirstListExcludeWhateverTheRating) {
  for (const Rating rating : kAllRatings) {
    EXPECT_TRUE(excluded("1girl redword hat", "", rating));
    EXPECT_TRUE(excluded("redword_(style)", "", rating));
    EXPECT_TRUE(excluded("hat", "a picture of a Redword, outside", rating));
    EXPECT_TRUE(excluded("hat", "two word red", rating));
    EXPECT_TRUE(excluded("hat", "two_word_red", rating));
  }
}

TEST(MinorsFilter, WordsOfTheSecondListExcludeUnlessGeneral) {
  for (const Rating rating : kAllRatings) {
    const bool general = rating == Rating::kGeneral || rating == Rating::kSafe;
    EXPECT_EQ(excluded("hat bluish", "", rating), !general) << static_cast<int>(rating);
    EXPECT_EQ(excluded("very_bluish", "", rating), !general);
    EXPECT_EQ(excluded("hat", "A small blue, drawn with care", rating), !general);
  }
}

TEST(MinorsFilter, OtherPostsStay) {
  for (const Rating rating : kAllRatings) {
    EXPECT_FALSE(excluded("1girl solo hat", "a girl with a hat", rating));
    EXPECT_FALSE(excluded("redwords unredword xredword_y", "", rating));
    EXPECT_FALSE(excluded("hat", "redwords and bluishness, small and blue, redwordy", rating));
    EXPECT_FALSE(excluded("", "", rating));
  }
}

TEST(MinorsFilter, TheFirstListWinsOverTheSecond) { EXPECT_TRUE(excluded("bluish redword", "", Rating::kGeneral)); }

TEST(MinorsLists, ThoseThatComeAlongAreReadAndDoNotTakeWhatIsCommon) {
  const MinorsLists lists = MinorsLists::from_resources();
  EXPECT_GE(lists.always.size(), 10u);
  EXPECT_GE(lists.unless_general.size(), 10u);
  const MinorsFilter filter(lists);
  for (const char* common : {"1girl", "1boy", "solo", "school_uniform", "lolita_fashion", "gothic_lolita", "short_hair",
                             "flat_chest", "petite", "serafuku", "blush", "teenage", "kidney", "babydoll"}) {
    EXPECT_EQ(filter.tag_verdict(common), MinorsFilter::Verdict::kHarmless) << common;
  }
}

}  // namespace
}  // namespace atelier

#include "data/post/person_class.h"

#include <gtest/gtest.h>

#include "configs/base/error.h"
#include "configs/base/resources.h"
#include "configs/base/text.h"
#include "tests/data/post/posts_fixture.h"

namespace atelier {
namespace {

struct Case {
  const char* tags;
  PersonClass person_class;
  GroupSize group_size;
  bool inferred = false;
  bool conflict = false;
};

std::ostream& operator<<(std::ostream& out, const Case& a_case) { return out << a_case.tags; }

CharacterGroups some_characters() {
  CharacterGroups characters;
  for (const char* girl : {"alice", "beatrice"}) characters.add(girl, CharacterGroup::kGirl);
  for (const char* boy : {"carl", "daniel"}) characters.add(boy, CharacterGroup::kBoy);
  for (const char* thing : {"pod_042", "gundam"}) characters.add(thing, CharacterGroup::kNoHuman);
  characters.add("fox", CharacterGroup::kFurry);
  return characters;
}

PersonLabel label_of(std::string_view tags) {
  TagDictionary dictionary;
  std::vector<int32_t> ids;
  for (const std::string_view tag : split_words(tags)) ids.push_back(dictionary.intern(tag));
  return PersonClassifier(dictionary, some_characters()).label(ids);
}

class PersonClassOf : public testing::TestWithParam<Case> {};

TEST_P(PersonClassOf, FollowsTheHandMadeTable) {
  const PersonLabel label = label_of(GetParam().tags);
  EXPECT_EQ(label.person_class, GetParam().person_class);
  EXPECT_EQ(label.group_size, GetParam().group_size);
  EXPECT_EQ(label.inferred, GetParam().inferred);
  EXPECT_EQ(label.conflict, GetParam().conflict);
}

constexpr PersonClass kGirl = PersonClass::kGirlOnly, kBoy = PersonClass::kBoyOnly, kMixed = PersonClass::kMixed,
                      kOther = PersonClass::kOther, kNobody = PersonClass::kNoHumans, kUnknown = PersonClass::kUnknown;
constexpr GroupSize kSolo = GroupSize::kSolo, kPair = GroupSize::kPair, kGroup = GroupSize::kGroup,
                    kUnsaid = GroupSize::kUnknown;

INSTANTIATE_TEST_SUITE_P(
    , PersonClassOf,
    testing::Values(
        Case{"1girl solo long_hair", kGirl, kSolo}, Case{"1girl smile", kGirl, kSolo},
        Case{"2girls multiple_girls", kGirl, kPair}, Case{"multiple_girls", kGirl, kGroup},
        Case{"3girls multiple_girls", kGirl, kGroup}, Case{"6+girls multiple_girls", kGirl, kGroup},
        Case{"1boy male_focus solo", kBoy, kSolo}, Case{"2boys multiple_boys yaoi", kBoy, kPair},
        Case{"multiple_boys", kBoy, kGroup}, Case{"6+boys", kBoy, kGroup}, Case{"1boy 1girl hetero", kMixed, kPair},
        Case{"1girl 2boys multiple_boys", kMixed, kGroup}, Case{"multiple_girls 1boy", kMixed, kGroup},
        Case{"1girl 1boy solo_focus", kMixed, kPair}, Case{"1other solo", kOther, kSolo},
        Case{"2others multiple_others", kOther, kPair}, Case{"1girl 1other", kGirl, kPair},
        Case{"1boy 1other", kBoy, kPair}, Case{"no_humans scenery", kNobody, kUnsaid},
        // Only what is seen counts: crossdressing stays a boy, a genderswapped one is what it is drawn as.
        Case{"1boy crossdressing", kBoy, kSolo}, Case{"1girl genderswap_(mtf)", kGirl, kSolo},
        // No people tag: focus, then characters.
        Case{"male_focus solo", kBoy, kSolo, true}, Case{"male_focus alice", kBoy, kUnsaid, true},
        Case{"alice", kGirl, kUnsaid, true}, Case{"alice beatrice solo", kGirl, kSolo, true},
        Case{"carl daniel", kBoy, kUnsaid, true}, Case{"alice carl", kMixed, kUnsaid, true},
        Case{"alice beatrice carl", kMixed, kUnsaid, true}, Case{"gundam", kNobody, kUnsaid, true},
        Case{"alice beatrice gundam", kGirl, kUnsaid, true}, Case{"alice gundam", kUnknown, kUnsaid},
        Case{"alice gundam pod_042", kNobody, kUnsaid, true}, Case{"fox", kUnknown, kUnsaid},
        Case{"alice fox fox", kGirl, kUnsaid, true}, Case{"landscape", kUnknown, kUnsaid}, Case{"", kUnknown, kUnsaid},
        // A people tag beats characters.
        Case{"1boy alice", kBoy, kSolo}, Case{"no_humans alice", kNobody, kUnsaid},
        // Contradictions are reported, not mended.
        Case{"no_humans 1girl", kGirl, kSolo, false, true},
        Case{"solo 2girls multiple_girls", kGirl, kPair, false, true}, Case{"1girl 2girls", kGirl, kPair, false, true},
        Case{"solo multiple_boys", kBoy, kGroup, false, true}, Case{"solo 1girl 1boy", kMixed, kPair, false, true},
        // Look-alikes are not people tags.
        Case{"7girls", kUnknown, kUnsaid}, Case{"1girls", kUnknown, kUnsaid}, Case{"2girl", kUnknown, kUnsaid},
        Case{"5+girls", kUnknown, kUnsaid}, Case{"multiple_views", kUnknown, kUnsaid}));

TEST(CharacterGroups, TheTableThatComesAlongIsRead) {
  const CharacterGroups groups(resource_path("lists/character_groups.tsv"));
  const auto group_of = [&](std::string_view name) { return groups.find(name) ? int(*groups.find(name)) : -1; };
  EXPECT_EQ(group_of("hatsune_miku"), int(CharacterGroup::kGirl));
  EXPECT_EQ(group_of("00_gundam"), int(CharacterGroup::kNoHuman));
  EXPECT_EQ(group_of("nobody_of_this_name"), -1);
}

TEST(CharacterGroups, AWrongLineIsNamed) {
  const TemporaryFolder folder;
  write_text(folder.path() / "groups.tsv", "# comment\nalice\tgirl\nbob\tman\n");
  try {
    const CharacterGroups groups(folder.path() / "groups.tsv");
    FAIL() << "read";
  } catch (const ConfigError& error) {
    EXPECT_TRUE(error.where().ends_with("groups.tsv:3")) << error.where();
  }
}

}  // namespace
}  // namespace atelier

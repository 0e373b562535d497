// Aliases, implications and categories, on tables written down here and on those that come with the program.
#include "data/post/tag_rules.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/resources.h"
#include "configs/base/text.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

class TagRulesTest : public testing::Test {
 protected:
  TagRules rules(const std::string& aliases, const std::string& implications = "", const std::string& categories = "") {
    TagOptions options{write("a.tsv", aliases), write("i.tsv", implications), write("c.tsv", categories)};
    return TagRules(options);
  }

  static std::vector<std::string> implied(const TagRules& rules, std::string_view tag) {
    const auto span = rules.implied(tag);
    return {span.begin(), span.end()};
  }

 private:
  /// "none" for an empty table.
  std::string write(const std::string& name, const std::string& table) const {
    if (table.empty()) return "none";
    std::ofstream(folder_.path() / name) << table;
    return (folder_.path() / name).string();
  }

  TemporaryFolder folder_;
};

using Names = std::vector<std::string>;

TEST_F(TagRulesTest, FollowsChainsOfAliases) {
  const TagRules found = rules("antecedent\tconsequent\nNoodle Cup\tcup_noodle\ncup_noodle\tinstant_noodles\n");
  EXPECT_EQ(found.resolve("noodle_cup"), "instant_noodles");
  EXPECT_EQ(found.resolve("cup_noodle"), "instant_noodles");
  EXPECT_EQ(found.resolve("instant_noodles"), "instant_noodles");
  EXPECT_EQ(found.resolve("bowl"), "bowl");
}

TEST_F(TagRulesTest, TheNewerOfTwoRowsThatReverseEachOtherCounts) {
  const std::string older = "old\tnew\tactive\t2014-05-03\n", newer = "new\told\tactive\t2025-06-13\n";
  for (const std::string& table : {older + newer, newer + older}) {
    const TagRules found = rules("antecedent\tconsequent\tstatus\tupdated\n" + table);
    EXPECT_EQ(found.resolve("new"), "old");
    EXPECT_EQ(found.resolve("old"), "old");
  }
}

TEST_F(TagRulesTest, ACircleOfThreeLosesItsOldestRow) {
  const TagRules found =
      rules("antecedent_name\tconsequent_name\tupdated_at\na\tb\t2020-01-01\nb\tc\t2021-01-01\nc\ta\t2022-01-01\n");
  EXPECT_EQ(found.resolve("b"), "a");
  EXPECT_EQ(found.resolve("c"), "a");
  EXPECT_EQ(found.resolve("a"), "a");
}

TEST_F(TagRulesTest, OnlyActiveRowsCount) {
  const TagRules found = rules("antecedent\tconsequent\tstatus\na\tb\tdeleted\nc\td\tactive\n");
  EXPECT_EQ(found.resolve("a"), "a");
  EXPECT_EQ(found.resolve("c"), "d");
}

TEST_F(TagRulesTest, ImplicationsAreClosedUnderTheNamesThatAliasesLeadTo) {
  const TagRules found = rules("antecedent\tconsequent\nkitten\tyoung_cat\n",
                               "antecedent\tconsequent\nkitten\tcat\ncat\tanimal\nanimal\tcreature\ntabby\tcat\n");
  EXPECT_EQ(implied(found, "young_cat"), (Names{"cat", "animal", "creature"}));
  EXPECT_EQ(implied(found, "tabby"), (Names{"cat", "animal", "creature"}));
  EXPECT_EQ(implied(found, "creature"), Names{});
}

TEST_F(TagRulesTest, ACircleOfImplicationsEnds) {
  const TagRules found = rules("", "antecedent\tconsequent\na\tb\nb\tc\nc\ta\n");
  EXPECT_EQ(implied(found, "a"), (Names{"b", "c"}));
  EXPECT_EQ(implied(found, "c"), (Names{"a", "b"}));
}

TEST_F(TagRulesTest, CategoriesAreWordsOrTheSitesNumbers) {
  const TagRules found = rules("", "", "name\tcategory\nwlop\tartist\nsaber\t4\n(o)_(o)\tgeneral\n");
  EXPECT_EQ(found.category("wlop"), TagCategory::kArtist);
  EXPECT_EQ(found.category("saber"), TagCategory::kCharacter);
  EXPECT_EQ(found.category("(o)_(o)"), TagCategory::kGeneral);
  EXPECT_EQ(found.category("hat"), std::nullopt);
}

TEST_F(TagRulesTest, SaysWhereATableIsWrong) {
  const auto error_of = [&](const std::string& table, const std::string& categories = "") -> std::string {
    try {
      rules(table, "", categories);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(error_of("from\tto\na\tb\n").find("no column `antecedent`"), std::string::npos);
  EXPECT_NE(error_of("antecedent\tconsequent\na\tb\na\n").find("a.tsv:3"), std::string::npos);
  EXPECT_NE(error_of("antecedent\tconsequent\na\t\n").find("lacks a name"), std::string::npos);
  EXPECT_NE(error_of("", "name\tcategory\na\tspecies\n").find("unknown category `species`"), std::string::npos);
}

TEST_F(TagRulesTest, EqualTablesHaveEqualHashes) {
  const std::string table = "antecedent\tconsequent\na\tb\n";
  EXPECT_EQ(rules(table).hash(), rules(table).hash());
  EXPECT_NE(rules(table).hash(), rules("", table).hash());
}

/// The rows of a table that comes with the program, read here in the plainest way.
std::vector<std::vector<std::string>> rows_of(std::string_view list) {
  std::vector<std::vector<std::string>> rows;
  const std::string content = read_file(resource_path(list));
  for (const std::string_view line : split(content, '\n')) {
    if (line.empty() || line.starts_with("# ")) continue;
    std::vector<std::string>& row = rows.emplace_back();
    for (const std::string_view field : split(line, '\t')) row.emplace_back(field);
  }
  rows.erase(rows.begin());
  return rows;
}

TEST(TagTablesTest, EveryAliasEndsAtANameThatIsNone) {
  const TagRules rules{TagOptions{}};
  std::set<std::string> changed;
  for (const auto& row : rows_of("lists/tag_aliases.tsv")) {
    const std::string end(rules.resolve(row[0]));
    EXPECT_EQ(rules.resolve(end), end) << row[0];
    if (end != row[0]) changed.insert(row[0]);
  }
  EXPECT_GT(changed.size(), 20000u);
  EXPECT_EQ(rules.resolve("high_res"), rules.resolve("highres"));
}

TEST(TagTablesTest, ImplicationsAreTheClosureOfTheTable) {
  const TagRules rules{TagOptions{}};
  std::map<std::string, std::set<std::string>> closure;
  for (const auto& row : rows_of("lists/tag_implications.tsv")) {
    closure[std::string(rules.resolve(row[0]))].emplace(rules.resolve(row[1]));
  }
  for (bool grew = true; grew;) {  // Warshall's way: no order, no recursion
    grew = false;
    for (auto& [tag, all] : closure) {
      std::set<std::string> more = all;
      for (const std::string& step : all) {
        if (closure.contains(step)) more.insert(closure[step].begin(), closure[step].end());
      }
      if (more.size() > all.size()) all = std::move(more), grew = true;
    }
  }
  size_t longest = 0;
  for (auto& [tag, all] : closure) {
    all.erase(tag);
    const auto span = rules.implied(tag);
    EXPECT_EQ(std::set<std::string>(span.begin(), span.end()), all) << tag;
    longest = std::max(longest, span.size());
  }
  EXPECT_GE(longest, 5u);
  EXPECT_EQ(rules.implied("2girls")[0], "multiple_girls");
}

TEST(TagTablesTest, CategoriesAreKnownByName) {
  const TagRules rules{TagOptions{}};
  EXPECT_EQ(rules.category("hatsune_miku"), TagCategory::kCharacter);
  EXPECT_EQ(rules.category("vocaloid"), TagCategory::kCopyright);
  EXPECT_EQ(rules.category("highres"), TagCategory::kMeta);
  EXPECT_EQ(rules.category("commentary_request"), TagCategory::kMeta);
  EXPECT_EQ(rules.category("long_hair"), std::nullopt);
}

}  // namespace
}  // namespace atelier

// What the manifest does so that many posts cost little: puts rows aside, merges tags, and leaves alone what is the
// same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <thread>

#include "configs/base/error.h"
#include "configs/base/random.h"
#include "data/manifest/build.h"
#include "data/manifest/duplicate_ids.h"
#include "data/manifest/folder_state.h"
#include "data/manifest/tag_merger.h"
#include "tests/data/post/posts_fixture.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::Pair;

std::string state_of(const fs::path& folder) {
  FolderState state;
  state.add_tree(folder);
  return state.hex();
}

TEST(FolderState, ChangesWithEveryFileAndOnlyThen) {
  TemporaryFolder folder;
  const fs::path root = folder.path() / "root";
  write_text(root / "a.png", "a");
  write_text(root / "sub/b.txt", "b");
  fs::create_directory_symlink(root, root / "sub/loop");
  const std::string before = state_of(root);
  EXPECT_EQ(before.size(), 32u);
  EXPECT_EQ(state_of(root), before);
  write_text(root / ".hidden", "x");
  EXPECT_EQ(state_of(root), before);

  const auto changes = [&](auto change) {
    const std::string last = state_of(root);
    change();
    EXPECT_NE(state_of(root), last);
  };
  changes([&] { write_text(root / "sub/b.txt", "longer"); });
  changes([&] { fs::last_write_time(root / "a.png", fs::last_write_time(root / "a.png") + std::chrono::seconds(1)); });
  changes([&] { fs::rename(root / "a.png", root / "c.png"); });
  changes([&] { fs::rename(root / "c.png", root / "sub/c.png"); });
  changes([&] { fs::create_symlink("nowhere", root / "dangling.png"); });
  changes([&] { fs::remove(root / "sub/c.png"); });
  changes([&] { fs::rename(root / "sub", root / "other"); });  // its files stay what they are: their names do not
  changes([&] { fs::create_directories(root / "other/empty"); });
  changes(
      [&] { fs::permissions(root / "other/b.txt", fs::perms::owner_read); });  // what was unreadable may be repaired
  EXPECT_EQ(state_of(folder.path() / "nowhere"), "");
}

TEST(FolderState, WhatIsMovedInOrRemovedIsAChangeOfToday) {
  TemporaryFolder folder;
  const fs::path root = folder.path() / "root";
  write_text(root / "a.png", "a");
  write_text(folder.path() / "old.png", "b");
  fs::last_write_time(folder.path() / "old.png", fs::file_time_type::clock::now() - std::chrono::hours(24 * 365));
  const auto newest = [&] {
    FolderState state;
    state.add_tree(root);
    return state.newest_change();
  };
  const auto is_new_after = [&](auto change) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // file systems count time in steps
    const int64_t before = newest();
    change();
    EXPECT_GT(newest(), before);
  };
  is_new_after([&] { fs::rename(folder.path() / "old.png", root / "old.png"); });
  is_new_after([&] { fs::remove(root / "old.png"); });
}

TEST(SeenIds, KnowsEachIdOnce) {
  constexpr int kIds = 100'000;
  SeenIds seen(2 * kIds);
  for (int i = 0; i < kIds; ++i) ASSERT_TRUE(seen.insert(hash_id(std::to_string(i)))) << i;
  for (int i = 0; i < kIds; ++i) ASSERT_FALSE(seen.insert(hash_id(std::to_string(i)))) << i;
  EXPECT_TRUE(seen.insert(hash_id("")));
}

/// Rules of a few tags.
class TagMergerTest : public testing::Test {
 protected:
  TagMergerTest() {
    write_text(folder_.path() / "aliases.tsv", "antecedent\tconsequent\nkitty\tcat\ncat\tfeline\n");
    write_text(folder_.path() / "implications.tsv",
               "antecedent\tconsequent\nfeline\tanimal\nanimal\tliving\nday\tsky\nsky\tday\n");
    write_text(folder_.path() / "categories.tsv", "name\tcategory\nliving\tmeta\nfeline\tcharacter\n");
    rules_.emplace(TagOptions{(folder_.path() / "aliases.tsv").string(), (folder_.path() / "implications.tsv").string(),
                              (folder_.path() / "categories.tsv").string()});
  }

  TemporaryFolder folder_;
  std::optional<TagRules> rules_;
  MinorsFilter minors_{MinorsLists{{"living"}, {}}};
};

TEST_F(TagMergerTest, FollowsAliasesAndImplicationsOnce) {
  TagDictionary part;
  const std::vector<int32_t> post = {part.intern("kitty"), part.intern("hat"), part.intern("feline")};
  part.vote(post[0], TagCategory::kCopyright);
  TagMerger merger(*rules_, minors_);
  const TagMerger::PartTags tags = merger.merge(part);
  EXPECT_EQ(tags.verdicts[0], MinorsFilter::Verdict::kAlways);  // by what it implies
  EXPECT_EQ(tags.verdicts[1], MinorsFilter::Verdict::kHarmless);

  TagResolver resolver;
  TagCounts counts;
  counts.grow(tags.tag_count);
  const std::span<const int32_t> resolved = resolver.resolve(post, tags.meanings);
  counts.add(tags.ids, resolved);
  EXPECT_EQ(resolved.size(), 4u);
  const TagMerger::Finished finished = merger.finish(counts);
  std::map<std::string, std::vector<int64_t>> found;
  for (int32_t id = 0; id < finished.dictionary.size(); ++id) {
    found[std::string(finished.dictionary.name(id))] = {finished.dictionary.count(id),
                                                        finished.dictionary.raw_count(id),
                                                        static_cast<int64_t>(finished.dictionary.category(id))};
  }
  // feline: what the source says of its other name counts before the table; living: nobody says, the table does.
  EXPECT_THAT(found, ElementsAre(Pair("animal", ElementsAre(1, 0, 0)), Pair("feline", ElementsAre(1, 1, 2)),
                                 Pair("hat", ElementsAre(1, 1, 0)), Pair("living", ElementsAre(1, 0, 4))));
}

TEST_F(TagMergerTest, TagsThatImplyEachOtherEnd) {
  TagDictionary part;
  const std::vector<int32_t> post = {part.intern("sky")};
  TagMerger merger(*rules_, minors_);
  const TagMerger::PartTags tags = merger.merge(part);
  TagResolver resolver;
  EXPECT_EQ(resolver.resolve(post, tags.meanings).size(), 2u);
}

class ManifestScaleTest : public testing::Test {
 protected:
  fs::path posts() const { return folder_.path() / "posts.jsonl"; }
  fs::path manifest() const { return folder_.path() / "run/manifest"; }
  Manifest refresh(const BuildOptions& options = {}) const {
    return refresh_manifest({source_of(posts())}, manifest(), options);
  }
  auto written() const { return fs::last_write_time(manifest() / "manifest.json"); }

  TemporaryFolder folder_;
};

TEST_F(ManifestScaleTest, APostsFileThatIsTheSameIsNotReadAgain) {
  const std::string line = "{\"id\": 1, \"tag_string\": \"hat\"}\n";
  write_text(posts(), line);
  refresh();
  const auto first = written();
  const auto time = fs::last_write_time(posts());
  write_text(posts(), std::string(line.size(), 'x'));  // whoever reads it finds no post
  fs::last_write_time(posts(), time);
  EXPECT_EQ(refresh().size(), 1);
  EXPECT_EQ(written(), first);
  fs::last_write_time(posts(), time + std::chrono::seconds(1));
  EXPECT_THROW(refresh(BuildOptions{.max_bad_samples = 0}), DataError);
}

TEST_F(ManifestScaleTest, APictureThatAppearsBesideAPostsFileIsFound) {
  write_text(posts(), "{\"id\": 1, \"md5\": \"ab\", \"file_ext\": \"png\"}\n{\"id\": 1002, \"file_ext\": \"png\"}\n");
  EXPECT_EQ(refresh().path(0), "");
  const auto first = written();
  write_text(folder_.path() / "other.txt", "no picture");
  refresh();
  EXPECT_EQ(written(), first);
  write_picture(folder_.path() / "ab.png", 30, 20);
  EXPECT_EQ(refresh().path(0), (folder_.path() / "ab.png").string());
  write_picture(folder_.path() / "0002/1002.png", 30, 20);
  const Manifest both = refresh();
  EXPECT_EQ(both.path(1), (folder_.path() / "0002/1002.png").string());
  write_picture(folder_.path() / "0002/1002.png", 50, 20);
  EXPECT_EQ(refresh().width(1), 50);
  fs::remove(folder_.path() / "ab.png");
  EXPECT_EQ(refresh().path(0), "");
}

TEST_F(ManifestScaleTest, PicturesInTarsNamedByAPatternAreNotLookedForAgain) {
  write_text(posts(), "{\"id\": 1, \"file_ext\": \"png\"}\n");
  write_text(folder_.path() / "tars/0.tar", std::string(1024, '\0'));
  SourceOptions source = source_of(posts());
  source.image_dir = (folder_.path() / "tars/*.tar").string();
  const auto refresh_it = [&] {
    refresh_manifest({source}, manifest());
    return written();
  };
  const auto first = refresh_it();
  EXPECT_EQ(refresh_it(), first);
  write_text(folder_.path() / "tars/1.tar", std::string(1024, '\0'));
  EXPECT_NE(refresh_it(), first);
}

TEST_F(ManifestScaleTest, OtherTablesOfTagsAreOtherManifests) {
  write_text(posts(), "{\"id\": 1, \"tag_string\": \"2girls\"}\n");
  EXPECT_EQ(refresh().dictionary().size(), 2);  // multiple_girls
  EXPECT_EQ(refresh({.tags = {"none", "none", "none"}}).dictionary().size(), 1);
}

TEST_F(ManifestScaleTest, TheMeaningOfSDecidesBeforeDuplicatesDo) {
  // `child` is excluded unless the rating is general or the old safe; the first that stays keeps the id.
  const std::string posts_of_one_id =
      R"({"id": 1, "rating": "s", "tag_string": "child one", "created_at": "2016-01-01"})"
      "\n"
      R"({"id": 1, "rating": "q", "tag_string": "two", "created_at": "2016-01-01"})"
      "\n";
  write_text(posts(), posts_of_one_id);
  const BuiltManifest old = build_manifest({source_of(posts())}, nullptr);
  EXPECT_EQ(old.manifest.summary().total().excluded_minors, 0);
  EXPECT_EQ(old.manifest.rating(0), Rating::kSafe);
  EXPECT_EQ(old.manifest.dictionary().find("two"), TagDictionary::kUnknown);
  ASSERT_EQ(old.quarantined.size(), 1u);
  EXPECT_EQ(old.quarantined[0].reason, "duplicate_id");

  write_text(posts(), posts_of_one_id + R"({"id": 2, "rating": "g", "tag_string": "three"})" + "\n");
  const BuiltManifest modern = build_manifest({source_of(posts())}, nullptr);
  EXPECT_EQ(modern.manifest.size(), 2);
  EXPECT_EQ(modern.manifest.summary().total().excluded_minors, 1);
  EXPECT_EQ(modern.manifest.rating(0), Rating::kQuestionable);
  EXPECT_EQ(modern.manifest.dictionary().find("child"), TagDictionary::kUnknown);
  EXPECT_EQ(modern.manifest.dictionary().find("one"), TagDictionary::kUnknown);
  EXPECT_THAT(modern.quarantined, testing::IsEmpty());
}

TEST_F(ManifestScaleTest, RowsThatAreDroppedLeaveNoGapAndNoCount) {
  // Ids repeat at random over many parts and batches; what must stay is the first of each.
  CounterRng random(5, "ids", {});
  std::string lines;
  std::vector<int> expected;
  std::map<std::string, int64_t> counts;
  std::vector<bool> seen(120'000);
  for (int i = 0; i < 160'000; ++i) {
    const int id = static_cast<int>(random.below(seen.size()));
    const std::string tag = "number_" + std::to_string(i % 900);
    lines += "{\"id\":" + std::to_string(id) + ",\"score\":" + std::to_string(i) + ",\"tag_string\":\"" + tag + "\"}\n";
    if (seen[static_cast<size_t>(id)]) continue;
    seen[static_cast<size_t>(id)] = true;
    expected.push_back(i);
    ++counts[tag];
  }
  write_text(posts(), lines);
  const Manifest m = refresh();
  ASSERT_EQ(m.size(), std::ssize(expected));
  EXPECT_EQ(m.summary().total().quarantined.at("duplicate_id"), 160'000 - std::ssize(expected));
  for (int64_t row = 0; row < m.size(); ++row) {
    const int i = expected[static_cast<size_t>(row)];
    ASSERT_EQ(m.score(row), i);
    ASSERT_EQ(m.dictionary().name(m.tags(row, TagCategory::kGeneral)[0]), "number_" + std::to_string(i % 900));
  }
  for (int32_t tag = 0; tag < m.dictionary().size(); ++tag) {
    EXPECT_EQ(m.dictionary().count(tag), counts.at(std::string(m.dictionary().name(tag))));
    EXPECT_EQ(m.dictionary().raw_count(tag), m.dictionary().count(tag));
  }
}

TEST_F(ManifestScaleTest, BatchesSayWhatRowsSay) {
  std::string lines;
  for (int i = 0; i < 70'000; ++i) {
    lines += "{\"id\":" + std::to_string(i) + ",\"image_width\":" + std::to_string(i % 5000) +
             (i % 3 ? "" : ",\"score\":" + std::to_string(i % 100)) +
             (i % 2 ? ",\"rating\":\"q\"" : ",\"created_at\":\"2020-05-05\"") + ",\"tag_string\":\"1girl number_" +
             std::to_string(i % 7) + "\"}\n";
  }
  write_text(posts(), lines);
  const Manifest m = refresh();
  ASSERT_EQ(m.batch_count(), 2);
  for (int64_t b = 0; b < 2; ++b) {
    m.release(b);
    const ManifestBatch batch = m.batch(b);
    EXPECT_EQ(batch.rows, b == 0 ? 65536 : 70'000 - 65536);
    for (int64_t i = 0; i < batch.rows; ++i) {
      const int64_t row = batch.first_row + i;
      const auto at = static_cast<size_t>(i);
      ASSERT_EQ(batch.width[at], m.width(row));
      ASSERT_EQ(batch.score.has(i), m.score(row).has_value());
      ASSERT_EQ(batch.created_at.has(i) ? std::optional(batch.created_at.values[at]) : std::nullopt, m.created_at(row));
      ASSERT_EQ(static_cast<Rating>(batch.rating[at]), m.rating(row));
      ASSERT_EQ(static_cast<PersonClass>(batch.person_class[at]), m.person(row).person_class);
      const std::span<const int32_t> tags = m.tags(row, TagCategory::kGeneral);
      ASSERT_THAT(batch.tags[0].at(i), testing::ElementsAreArray(tags.begin(), tags.end()));
    }
  }
}

TEST_F(ManifestScaleTest, TooManyBadSamplesWriteNoManifestButTheirList) {
  write_text(posts(), "{\"id\": 1}\n{\"id\": 2}\nnonsense\n{\"id\": 3}\n");
  try {
    refresh({.max_bad_share = 0.24});
    FAIL();
  } catch (const DataError& error) {
    EXPECT_EQ(error.summary(), "1 samples of 4 are quarantined, 24 % are allowed: bad_json 1");
    EXPECT_EQ(error.where(), manifest().string() + ".quarantine.jsonl");
  }
  EXPECT_FALSE(fs::exists(manifest()));
  EXPECT_NE(read_file(manifest().string() + ".quarantine.jsonl").find("line 3"), std::string::npos);
  EXPECT_EQ(refresh({.max_bad_share = 0.25}).size(), 3);
  EXPECT_FALSE(fs::exists(manifest().string() + ".quarantine.jsonl"));
  EXPECT_THROW(refresh({.max_bad_samples = 0}), DataError);  // the manifest is current, and too bad for this run
  EXPECT_EQ(refresh({.max_bad_samples = 1, .max_bad_share = 0}).size(), 3);
}

}  // namespace
}  // namespace atelier

// The manifest: what it holds, when it is written, and that nothing is lost silently.
#include "data/manifest/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "configs/base/error.h"
#include "data/manifest/build.h"
#include "tests/data/post/posts_fixture.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::Pair;

std::vector<std::string> ids(const Manifest& manifest) {
  std::vector<std::string> all;
  for (int64_t row = 0; row < manifest.size(); ++row) all.emplace_back(manifest.id(row));
  return all;
}

std::vector<std::string> tags(const Manifest& manifest, int64_t row, TagCategory category) {
  std::vector<std::string> names;
  for (const int32_t tag : manifest.tags(row, category)) names.emplace_back(manifest.dictionary().name(tag));
  return names;
}

class ManifestTest : public testing::Test {
 protected:
  fs::path pictures() const { return folder_.path() / "pictures"; }
  fs::path manifest() const { return folder_.path() / "run/manifest"; }
  Manifest refresh() const { return refresh_manifest({source_of(pictures())}, manifest()); }

  TemporaryFolder folder_;
};

TEST_F(ManifestTest, HoldsWhatWasReadAlsoWhenOpenedAgain) {
  write_text(folder_.path() / "posts.jsonl",
             R"({"id": 7, "created_at": "2016-12-31T20:00:00-04:00", "score": -3, "up_score": 1, "down_score": -4,)"
             R"( "fav_count": 5, "rating": "q", "parent_id": 6, "md5": "00ff", "image_width": 100, "image_height": 50,)"
             R"( "tag_string_general": "1girl hat", "tag_string_artist": "bob", "tag_string_meta": "highres"})");
  write_picture(pictures() / "a.png", 30, 20, "hat, 2boys");
  const std::vector<SourceOptions> sources = {source_of(folder_.path() / "posts.jsonl"), source_of(pictures())};
  const auto check = [&](const Manifest& m) {
    EXPECT_THAT(ids(m), ElementsAre("7", "a.png"));
    EXPECT_EQ(m.source(0), 0);
    EXPECT_EQ(m.source(1), 1);
    EXPECT_EQ(m.path(0), "");
    EXPECT_EQ(m.path(1), (pictures() / "a.png").string());
    EXPECT_EQ(m.width(0), 100);
    EXPECT_EQ(m.height(1), 20);
    EXPECT_EQ(m.format(1), ImageFormat::kPng);
    EXPECT_EQ(m.created_at(0), 1483228800);
    EXPECT_EQ(m.year(0), 2017);
    EXPECT_EQ(m.year(1), std::nullopt);
    EXPECT_EQ(m.rating(0), Rating::kQuestionable);
    EXPECT_EQ(m.rating(1), Rating::kUnknown);
    EXPECT_EQ(m.score(0), -3);
    EXPECT_EQ(m.up_score(0), 1);
    EXPECT_EQ(m.down_score(0), -4);
    EXPECT_EQ(m.fav_count(0), 5);
    EXPECT_EQ(m.score(1), std::nullopt);
    EXPECT_EQ(m.parent_id(0), "6");
    EXPECT_EQ(m.md5(0), "00ff");
    EXPECT_EQ(m.caption(0), "");
    EXPECT_EQ(m.caption(1), "hat, 2boys");
    EXPECT_EQ(m.person(0), (PersonLabel{PersonClass::kGirlOnly, GroupSize::kSolo}));
    EXPECT_EQ(m.person(1), (PersonLabel{PersonClass::kBoyOnly, GroupSize::kPair}));
    EXPECT_THAT(tags(m, 0, TagCategory::kGeneral), ElementsAre("1girl", "hat"));
    EXPECT_THAT(tags(m, 0, TagCategory::kArtist), ElementsAre("bob"));
    EXPECT_THAT(tags(m, 0, TagCategory::kMeta), ElementsAre("highres"));
    EXPECT_THAT(tags(m, 0, TagCategory::kCharacter), ElementsAre());
    EXPECT_THAT(tags(m, 1, TagCategory::kGeneral), ElementsAre("hat", "2boys", "multiple_boys"));  // implied
    EXPECT_EQ(m.dictionary().name(0), "hat");  // the most frequent first
    EXPECT_EQ(m.dictionary().count(0), 2);
    EXPECT_EQ(m.dictionary().raw_count(0), 2);
    const int32_t implied = m.dictionary().find("multiple_boys");
    ASSERT_NE(implied, TagDictionary::kUnknown);
    EXPECT_EQ(m.dictionary().count(implied), 1);
    EXPECT_EQ(m.dictionary().raw_count(implied), 0);
    EXPECT_EQ(m.summary().sources.at(0).rating_scheme, "old");
    EXPECT_EQ(m.summary().sources.at(1).without_caption, 0);
  };
  check(refresh_manifest(sources, manifest()));
  check(Manifest(manifest()));
}

TEST_F(ManifestTest, TheMeaningOfSIsDecidedPerSource) {
  const auto rating_of_first = [&](const std::string& lines, const std::string& scheme) {
    write_text(folder_.path() / "posts.jsonl", lines);
    SourceOptions source = source_of(folder_.path() / "posts.jsonl");
    source.rating_scheme = scheme;
    return build_manifest({source}, nullptr).manifest.rating(0);
  };
  const std::string s = R"({"id": 1, "rating": "s", "created_at": "2016-01-01"})"
                        "\n";
  EXPECT_EQ(rating_of_first(s, "auto"), Rating::kSafe);
  EXPECT_EQ(rating_of_first(s, "modern"), Rating::kSensitive);
  EXPECT_EQ(rating_of_first(s + R"({"id": 2, "rating": "g"})", "auto"), Rating::kSensitive);
  EXPECT_EQ(rating_of_first(s + R"({"id": 2, "rating": "q", "created_at": "2022-06-01"})", "auto"), Rating::kSensitive);
  EXPECT_EQ(rating_of_first(s + R"({"id": 2, "rating": "g"})", "old"), Rating::kSafe);
  EXPECT_EQ(rating_of_first(R"({"id": 1, "rating": "s"})", "auto"), Rating::kSensitive);  // nothing known: the stricter
}

TEST_F(ManifestTest, OnlyNewAndChangedPicturesAreOpened) {
  write_picture(pictures() / "a.png", 30, 20);
  write_picture(pictures() / "b.png", 30, 20);
  const std::string hash = refresh().summary().content_hash;

  // Other bytes under the same size and time: whoever opens the file finds no picture.
  const auto time = fs::last_write_time(pictures() / "a.png");
  write_text(pictures() / "a.png", std::string(fs::file_size(pictures() / "a.png"), 'x'));
  fs::last_write_time(pictures() / "a.png", time);
  write_picture(pictures() / "c.png", 8, 8);
  EXPECT_THAT(ids(refresh()), ElementsAre("a.png", "b.png", "c.png"));
  EXPECT_NE(refresh().summary().content_hash, hash);

  fs::last_write_time(pictures() / "a.png", time + std::chrono::seconds(1));
  fs::remove(pictures() / "c.png");
  const Manifest changed = refresh();
  EXPECT_THAT(ids(changed), ElementsAre("b.png"));
  EXPECT_THAT(changed.summary().total().quarantined, ElementsAre(Pair("picture_unreadable", 1)));
}

TEST_F(ManifestTest, CaptionsAreReadAnew) {
  write_picture(pictures() / "a.png", 30, 20, "1girl");
  const std::string hash = refresh().summary().content_hash;
  write_text(pictures() / "a.txt", "1boy");
  const Manifest changed = refresh();
  EXPECT_EQ(changed.caption(0), "1boy");
  EXPECT_NE(changed.summary().content_hash, hash);
}

TEST_F(ManifestTest, NothingIsWrittenWhenNothingChanged) {
  write_picture(pictures() / "a.png", 30, 20);
  refresh();
  const auto written = fs::last_write_time(manifest() / "manifest.json");
  refresh();
  EXPECT_EQ(fs::last_write_time(manifest() / "manifest.json"), written);
  write_text(pictures() / "bad.png", "not a picture");
  refresh();
  EXPECT_NE(fs::last_write_time(manifest() / "manifest.json"), written);
}

TEST_F(ManifestTest, TheHashIsOfTheContentNotOfItsPlace) {
  write_picture(pictures() / "a.png", 30, 20, "1girl");
  const std::string hash = refresh().summary().content_hash;
  fs::rename(pictures(), folder_.path() / "moved");
  const Manifest moved = refresh_manifest({source_of(folder_.path() / "moved")}, manifest());
  EXPECT_EQ(moved.summary().content_hash, hash);
  EXPECT_EQ(moved.path(0), (folder_.path() / "moved/a.png").string());
}

TEST_F(ManifestTest, DuplicateIdsAndBadSamplesAreQuarantinedWithTheirReason) {
  write_text(folder_.path() / "posts.jsonl", "{\"id\": 1, \"score\": 5}\nnonsense\n{\"id\": 1, \"score\": 6}\n");
  const BuiltManifest built = build_manifest({source_of(folder_.path() / "posts.jsonl")}, nullptr);
  EXPECT_THAT(ids(built.manifest), ElementsAre("1"));
  EXPECT_EQ(built.manifest.score(0), 5);
  ASSERT_EQ(built.quarantined.size(), 2u);
  EXPECT_EQ(built.quarantined[0].id, "line 2");
  EXPECT_EQ(built.quarantined[0].reason, "bad_json");
  EXPECT_EQ(built.quarantined[1].id, "1");
  EXPECT_EQ(built.quarantined[1].reason, "duplicate_id");
  EXPECT_EQ(built.manifest.summary().total().read, 3);
}

TEST_F(ManifestTest, PostsThatSexualiseMinorsAreOnlyCounted) {
  // `toddler` of the second list stands for all; no rating does not count as general.
  write_picture(pictures() / "a.png", 30, 20, "toddler, hat");
  write_picture(pictures() / "b.png", 30, 20, "hat");
  const Manifest m = refresh();
  EXPECT_THAT(ids(m), ElementsAre("b.png"));
  EXPECT_EQ(m.summary().total().excluded_minors, 1);
  EXPECT_EQ(m.summary().total().read, 2);
  EXPECT_EQ(m.dictionary().find("toddler"), TagDictionary::kUnknown);
  for (const char* file : {"posts.arrow", "tags.arrow", "quarantine.jsonl", "manifest.json"}) {
    EXPECT_EQ(read_file(manifest() / file).find("toddler"), std::string::npos) << file;
    EXPECT_EQ(read_file(manifest() / file).find("a.png"), std::string::npos) << file;
  }
}

TEST_F(ManifestTest, ManyRowsSpanSeveralBatches) {
  std::string lines;
  constexpr int kPosts = 150'000;
  for (int i = 0; i < kPosts; ++i) {
    lines += "{\"id\":" + std::to_string(i) + ",\"score\":" + std::to_string(i % 1000) + ",\"tag_string\":\"tag" +
             std::to_string(i % 7) + "\"}\n";
  }
  write_text(folder_.path() / "posts.jsonl", lines);
  refresh_manifest({source_of(folder_.path() / "posts.jsonl")}, manifest());
  const Manifest m(manifest());
  ASSERT_EQ(m.size(), kPosts);
  for (const int64_t row : {0, 65535, 65536, 131071, 131072, kPosts - 1}) {
    EXPECT_EQ(m.id(row), std::to_string(row));
    EXPECT_EQ(m.score(row), row % 1000);
    EXPECT_THAT(tags(m, row, TagCategory::kGeneral), ElementsAre("tag" + std::to_string(row % 7)));
  }
}

TEST_F(ManifestTest, ProcessesTakeTurns) {
  for (int i = 0; i < 20; ++i) write_picture(pictures() / (std::to_string(i) + ".png"), 30, 20);
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { good += refresh().size() == 20; });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 4);
}

TEST_F(ManifestTest, AFolderThatHoldsOtherFilesIsNeverReplaced) {
  write_picture(pictures() / "a.png", 30, 20);
  EXPECT_THROW(refresh_manifest({source_of(pictures())}, pictures()), ConfigError);
  EXPECT_TRUE(fs::exists(pictures() / "a.png"));
  EXPECT_THROW(refresh_manifest({source_of(pictures())}, pictures() / "a.png"), ConfigError);
  EXPECT_TRUE(fs::is_regular_file(pictures() / "a.png"));
  refresh();
  write_text(manifest() / "notes.txt", "mine");
  write_picture(pictures() / "b.png", 30, 20);
  EXPECT_THROW(refresh(), ConfigError);
  EXPECT_TRUE(fs::exists(manifest() / "notes.txt"));
}

TEST_F(ManifestTest, ADamagedManifestIsNamedAndBuiltAnew) {
  write_picture(pictures() / "a.png", 30, 20);
  const std::string hash = refresh().summary().content_hash;
  EXPECT_THROW(Manifest(folder_.path() / "nowhere"), DataError);
  for (const char* file : {"posts.arrow", "tags.arrow", "manifest.json"}) {
    const std::string whole = read_file(manifest() / file);
    write_text(manifest() / file, whole.substr(0, whole.size() / 2));
    EXPECT_THROW(Manifest{manifest()}, DataError) << file;
    EXPECT_EQ(refresh().summary().content_hash, hash);
    EXPECT_EQ(Manifest(manifest()).size(), 1);
  }
}

}  // namespace
}  // namespace atelier

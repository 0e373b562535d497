#include "data/select/select.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "configs/base/error.h"
#include "data/manifest/build.h"
#include "tests/data/post/posts_fixture.h"

namespace atelier {
namespace {

using testing::ElementsAre;
using testing::Pair;

/// Six posts with pictures, and one without.
class SelectTest : public testing::Test {
 protected:
  SelectTest() {
    std::string lines;
    const auto post = [&](int id, int32_t width, int32_t height, const std::string& rest) {
      if (width) write_picture(folder_.path() / (std::to_string(id) + ".png"), width, height);
      lines += "{\"id\": " + std::to_string(id) + ", \"file_ext\": \"png\", " + rest + "}\n";
    };
    post(0, 1000, 1000,
         R"("rating": "g", "score": 10, "created_at": "2020-01-01", "tags_artist": "bob", "tags_general": "hat")");
    post(1, 400, 1000,
         R"("rating": "s", "score": 0, "created_at": "2021-01-01", "tags_artist": "eve", "tags_general": "hat")");
    post(2, 3000, 1000, R"("rating": "q", "score": 5, "created_at": "2022-01-01", "tag_string_general": "comic")");
    post(3, 512, 512, R"("rating": "e", "score": -1, "created_at": "2023-01-01", "tag_string_general": "hat comic")");
    post(4, 2000, 2000, R"("rating": "g", "created_at": "2024-01-01", "tag_string_general": "")");
    post(5, 1000, 900, R"("score": 3, "tag_string_general": "bob")");
    post(6, 0, 0, R"("rating": "g", "score": 99, "tag_string_artist": "bob")");
    write_text(folder_.path() / "posts.jsonl", lines);
    manifest_.emplace(build_manifest({source_of(folder_.path() / "posts.jsonl")}, nullptr).manifest);
  }

  std::vector<int64_t> kept(const SelectOptions& options) const { return select_rows(*manifest_, options).rows; }

  TemporaryFolder folder_;
  std::optional<Manifest> manifest_;
};

TEST_F(SelectTest, WithoutFiltersEveryPictureIsKept) {
  const Selection selection = select_rows(*manifest_, {});
  EXPECT_THAT(selection.rows, ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(selection.excluded(), ElementsAre(Pair(Exclusion::kNoPicture, 1)));
}

TEST_F(SelectTest, EachFilterKeepsWhatItsWordsSay) {
  EXPECT_THAT(kept({.min_side = 512}), ElementsAre(0, 2, 3, 4, 5));
  EXPECT_THAT(kept({.min_side = 513}), ElementsAre(0, 2, 4, 5));
  EXPECT_THAT(kept({.min_megapixels = 1.0}), ElementsAre(0, 2, 4));
  EXPECT_THAT(kept({.max_megapixels = 1.0}), ElementsAre(0, 1, 3, 5));
  EXPECT_THAT(kept({.max_aspect = 2.5}), ElementsAre(0, 1, 3, 4, 5));
  EXPECT_THAT(kept({.max_aspect = 2.49}), ElementsAre(0, 3, 4, 5));
  EXPECT_THAT(kept({.ratings = {"general", "explicit"}}), ElementsAre(0, 3, 4));
  EXPECT_THAT(kept({.ratings = {"unknown"}}), ElementsAre(5));
  EXPECT_THAT(kept({.min_score = 3}), ElementsAre(0, 2, 5));
  EXPECT_THAT(kept({.min_year = 2022}), ElementsAre(2, 3, 4));
  EXPECT_THAT(kept({.max_year = 2021}), ElementsAre(0, 1));
  EXPECT_THAT(kept({.min_year = 2021, .max_year = 2022}), ElementsAre(1, 2));
  EXPECT_THAT(kept({.tags = "hat !comic"}), ElementsAre(0, 1));
}

TEST_F(SelectTest, OptOutsComeFirst) {
  write_text(folder_.path() / "artists.txt", "# asked on 2024-05-01\nBob\nsomebody else\n");
  const Selection selection =
      select_rows(*manifest_, {.opt_out = {.artists = (folder_.path() / "artists.txt").string()}, .min_score = 100});
  EXPECT_THAT(selection.excluded(), ElementsAre(Pair(Exclusion::kOptOutArtist, 3), Pair(Exclusion::kMinScore, 4)));
  EXPECT_THROW(kept({.opt_out = {.artists = "/nowhere/artists.txt"}}), ConfigError);
}

/// Posts 0, 1 ... of one line each, every one with a picture of 100 x 100 px.
class SelectRecordsTest : public testing::Test {
 protected:
  Manifest read(const std::vector<std::string>& records) {
    std::string lines;
    for (size_t i = 0; i < records.size(); ++i) {
      write_picture(folder_.path() / (std::to_string(i) + ".png"), 100, 100);
      lines += "{\"id\": " + std::to_string(i) + ", \"file_ext\": \"png\"" + (records[i].empty() ? "" : ", ") +
               records[i] + "}\n";
    }
    write_text(folder_.path() / "posts.jsonl", lines);
    return build_manifest({source_of(folder_.path() / "posts.jsonl")}, nullptr).manifest;
  }

  std::string list(const std::string& content) {
    write_text(folder_.path() / "list.txt", content);
    return (folder_.path() / "list.txt").string();
  }

  TemporaryFolder folder_;
};

TEST_F(SelectRecordsTest, AnOptedOutSourceTakesWhatLiesBelowIt) {
  const Manifest manifest =
      read({R"("source": "https://www.pixiv.net/users/11/artworks")", R"("source": "http://pixiv.net/users/111")",
            R"("source": "https://x.com/Ada/status/1")", R"("source": "https://x.com/adam")",
            R"("source": "https://x.com/ada?lang=en")", ""});
  const auto kept = [&](const std::string& lines) {
    return select_rows(manifest, {.opt_out = {.sources = list(lines)}}).rows;
  };
  EXPECT_THAT(kept("https://www.pixiv.net/users/11\n"), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(kept("x.com/ada/  # asked on 2024-05-01\n"), ElementsAre(0, 1, 3, 5));
  EXPECT_THAT(kept("pixiv.net/users/11*\n"), ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(kept("*.net/users/11\n"), ElementsAre(1, 2, 3, 4, 5));  // what lies below a pattern, too
  EXPECT_THAT(kept("*.com\n"), ElementsAre(0, 1, 5));
  EXPECT_THAT(kept("\n# nobody\n"), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST_F(SelectRecordsTest, PostsOptOutByIdOrMd5) {
  const Manifest manifest = read({"", R"("md5": "0123456789abcdef0123456789abcdef")", ""});
  const Selection selection =
      select_rows(manifest, {.opt_out = {.posts = list("2\n0123456789abcdef0123456789abcdef\n77\n")}});
  EXPECT_THAT(selection.rows, ElementsAre(0));
  EXPECT_THAT(selection.excluded(), ElementsAre(Pair(Exclusion::kOptOutPost, 2)));
}

TEST_F(SelectRecordsTest, AByteOrderMarkHidesNoFirstEntry) {
  const Manifest manifest = read({"", "", ""});
  EXPECT_THAT(select_rows(manifest, {.opt_out = {.posts = list("\xEF\xBB\xBF"
                                                               "1\r\n2\r\n")}})
                  .rows,
              ElementsAre(0));
  EXPECT_THAT(select_rows(manifest, {.quarantine = list("\xEF\xBB\xBF"
                                                        "1\r\n")})
                  .rows,
              ElementsAre(0, 2));
}

TEST_F(SelectRecordsTest, AQuarantineListNamesIdsOrWhatVerifyWrote) {
  const Manifest manifest = read({"", "", "", ""});
  const std::string source = manifest.summary().sources[0].path;
  const std::string lines = "# by hand\n1\n{\"source\": \"" + source +
                            "\", \"id\": \"2\", \"reason\": \"corrupt\"}\n{\"source\": \"elsewhere\", \"id\": \"3\"}\n";
  const Selection selection = select_rows(manifest, {.quarantine = list(lines)});
  EXPECT_THAT(selection.rows, ElementsAre(0, 3));
  EXPECT_THAT(selection.excluded(), ElementsAre(Pair(Exclusion::kQuarantine, 2)));
  EXPECT_THROW(select_rows(manifest, {.quarantine = list("{\"name\": 1}\n")}), ConfigError);
}

TEST_F(SelectRecordsTest, AnArtistOptsOutUnderAnOldNameToo) {
  const Manifest manifest =
      read({R"x("tag_string_artist": "male_shez_(fire_emblem)")x", R"("tag_string_artist": "eve")"});
  const Selection selection = select_rows(manifest, {.opt_out = {.artists = list("shez_(fire_emblem)_(male)\n")}});
  EXPECT_THAT(selection.rows, ElementsAre(1));
}

TEST_F(SelectRecordsTest, WhatTheSiteBansIsLeftOutWithoutAList) {
  const Manifest manifest = read({R"("is_banned": true)", R"("is_deleted": true)", R"("is_pending": true)", ""});
  const Selection selection = select_rows(manifest, {});
  EXPECT_THAT(selection.rows, ElementsAre(1, 2, 3));
  EXPECT_THAT(selection.excluded(), ElementsAre(Pair(Exclusion::kBanned, 1)));
  EXPECT_THAT(select_rows(manifest, {.keep_deleted = false}).rows, ElementsAre(2, 3));
  EXPECT_THAT(select_rows(manifest, {.keep_pending = false}).rows, ElementsAre(1, 3));
}

TEST_F(SelectRecordsTest, FilesAreJudgedByDensityAndFormat) {
  const Manifest manifest = read({"", R"("fav_count": 3)"});
  const double density = static_cast<double>(manifest.file_size(0)) / 10000;
  EXPECT_THAT(select_rows(manifest, {.min_bytes_per_pixel = density}).rows, ElementsAre(0, 1));
  EXPECT_THAT(select_rows(manifest, {.min_bytes_per_pixel = density * 1.01}).rows, ElementsAre());
  EXPECT_THAT(select_rows(manifest, {.max_bytes_per_pixel = density * 0.99}).rows, ElementsAre());
  EXPECT_THAT(select_rows(manifest, {.formats = {"jpeg", "webp"}}).rows, ElementsAre());
  EXPECT_THAT(select_rows(manifest, {.formats = {"png"}}).rows, ElementsAre(0, 1));
  EXPECT_THAT(select_rows(manifest, {.min_fav_count = 3}).rows, ElementsAre(1));
  EXPECT_THAT(select_rows(manifest, {.tags = "bytes_per_pixel>0 width=100"}).rows, ElementsAre(0, 1));
}

TEST_F(SelectTest, WithoutItsPictureAPostIsOfNoFormat) {
  const auto planned = [&](const SelectOptions& options) { return select_rows(*manifest_, options, false).rows; };
  write_text(folder_.path() / "planned.jsonl", R"({"id": 1, "image_width": 100, "image_height": 100})");
  manifest_.emplace(build_manifest({source_of(folder_.path() / "planned.jsonl")}, nullptr).manifest);
  EXPECT_THAT(planned({}), ElementsAre(0));
  EXPECT_THAT(planned({.formats = {"jpeg"}}), ElementsAre());
  EXPECT_THAT(planned({.formats = {"png"}}), ElementsAre());
}

TEST_F(SelectTest, ARowIsCountedUnderItsFirstReason) {
  const Selection selection = select_rows(*manifest_, {.min_side = 600, .ratings = {"general"}, .tags = "hat"});
  EXPECT_THAT(selection.rows, ElementsAre(0));
  EXPECT_THAT(selection.exclusions,
              ElementsAre(Exclusion::kNone, Exclusion::kMinSide, Exclusion::kRating, Exclusion::kMinSide,
                          Exclusion::kTags, Exclusion::kRating, Exclusion::kNoPicture));
}

}  // namespace
}  // namespace atelier

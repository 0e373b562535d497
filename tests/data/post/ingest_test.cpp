// What readers make of files: dates, caption files, folders, posts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "configs/base/error.h"
#include "data/ingest/caption_file.h"
#include "data/ingest/source_reader.h"
#include "data/ingest/timestamp.h"
#include "tests/data/post/posts_fixture.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;
using testing::ElementsAre;

TEST(ParseTimestamp, ReadsWhatDumpsWrite) {
  // Seconds as `date -u -d ... +%s` gives them.
  EXPECT_EQ(parse_timestamp("2025-08-07T03:06:03.772-04:00"), 1754550363);
  EXPECT_EQ(parse_timestamp("2014-08-16 20:11:29.23325 UTC"), 1408219889);
  EXPECT_EQ(parse_timestamp("2020-02-29T23:59:59Z"), 1583020799);
  EXPECT_EQ(parse_timestamp("2016-12-31T20:00:00-0400"), 1483228800);  // 2017 in UTC
  EXPECT_EQ(parse_timestamp("2005-05-24"), 1116892800);
  EXPECT_EQ(parse_timestamp("1970-01-01 00:00:00 UTC"), 0);
  EXPECT_EQ(year_of(1483228800), 2017);
  EXPECT_EQ(year_of(1483228799), 2016);
  EXPECT_EQ(year_of(-1), 1969);
}

TEST(ParseTimestamp, RefusesWhatIsNone) {
  for (const char* text : {"", "yesterday", "2020", "2020-13-01", "2021-02-29", "2020-01-01T25:00:00",
                           "2020-01-01 10:00 CET", "2020-01-01x", "20-01-01", "2020-01-01T10:00:00+1", "2020-1-01"}) {
    EXPECT_EQ(parse_timestamp(text), std::nullopt) << text;
  }
}

TEST(CaptionFile, BomAndCrlfAreHarmless) {
  const TemporaryFolder folder;
  write_text(folder.path() / "a.txt",
             "\xEF\xBB\xBF"
             "1girl, long hair\r\nsecond line\r\n\r\nthird\r\n");
  const auto file = read_caption_file(folder.path() / "a.txt");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->caption, "1girl, long hair");
  EXPECT_EQ(file->further_captions.size(), 2);
  EXPECT_EQ(read_caption_file(folder.path() / "none.txt"), std::nullopt);
}

TEST(CaptionFile, BadBytesHaveTheirReason) {
  const TemporaryFolder folder;
  const std::pair<std::string, const char*> kCases[] = {{"caf\xE9"s, "caption_not_utf8"},
                                                        {"\xFF\xFE"
                                                         "1\0g\0"s,
                                                         "caption_has_nul"},
                                                        {"a\0b"s, "caption_has_nul"},
                                                        {"\xC0\xAF"s, "caption_not_utf8"},
                                                        {"\xED\xA0\x80"s, "caption_not_utf8"},
                                                        {std::string((1 << 20) + 1, 'a'), "caption_too_long"}};
  for (const auto& [content, reason] : kCases) {
    write_text(folder.path() / "a.txt", content);
    try {
      read_caption_file(folder.path() / "a.txt");
      ADD_FAILURE() << reason;
    } catch (const DataError& error) {
      EXPECT_EQ(error.summary(), reason);
    }
  }
}

TEST(CaptionTags, AreThePiecesBetweenCommas) {
  EXPECT_THAT(caption_tags("1girl, Long Hair,, , lina \\(slayers\\)"),
              ElementsAre("1girl", "long_hair", "lina_(slayers)"));
  EXPECT_THAT(caption_tags(""), ElementsAre());
  EXPECT_THAT(caption_tags("lina ||| 1girl, ||_||, solo|||hat"), ElementsAre("lina", "1girl", "||_||", "solo", "hat"));
}

struct ReadAll {
  std::vector<std::string> ids;
  std::vector<Post> posts;
  std::vector<std::string> bad;  // "id reason"
  PostBatch last;
};

ReadAll read_all(const SourceOptions& options) {
  const std::unique_ptr<SourceReader> reader = open_source(options);
  ReadAll all;
  for (int64_t part = 0; part < reader->part_count(); ++part) {
    all.last = reader->read(part, PictureProbe());
    for (const Post& post : all.last.posts) all.ids.push_back(post.id), all.posts.push_back(post);
    for (const BadSample& sample : all.last.bad) all.bad.push_back(sample.id + " " + sample.reason);
  }
  return all;
}

TEST(FolderReader, TakesPicturesByContentAndLeavesHiddenFilesOut) {
  const TemporaryFolder folder;
  write_picture(folder.path() / "b.png", 30, 20, "1girl, solo");
  write_picture(folder.path() / "sub/a.jpg", 64, 48);  // a PNG whatever its name says
  write_picture(folder.path() / "without_suffix", 5, 5);
  write_picture(folder.path() / ".hidden.png", 5, 5);
  write_picture(folder.path() / ".cache/c.png", 5, 5);
  write_text(folder.path() / "notes.md", "not a picture");
  write_text(folder.path() / "broken.png", "not a picture");
  write_text(folder.path() / "empty.jpeg", "");
  fs::create_symlink("nowhere.png", folder.path() / "dangling.png");
  const ReadAll all = read_all(source_of(folder.path()));
  EXPECT_THAT(all.ids, ElementsAre("b.png", "sub/a.jpg", "without_suffix"));
  EXPECT_THAT(all.bad, ElementsAre("broken.png picture_unreadable", "dangling.png picture_unreadable",
                                   "empty.jpeg picture_unreadable"));
  EXPECT_EQ(all.posts[0].width, 30);
  EXPECT_EQ(all.posts[0].height, 20);
  EXPECT_EQ(all.posts[0].caption, "1girl, solo");
  EXPECT_EQ(all.posts[0].tags.size(), 2u);
  EXPECT_EQ(all.posts[1].picture.info.format, ImageFormat::kPng);
  EXPECT_EQ(all.last.other_files, 1);
  EXPECT_EQ(all.last.without_caption, 2);
}

TEST(FolderReader, FollowsLinksOnce) {
  const TemporaryFolder folder;
  write_picture(folder.path() / "real/a.png", 8, 8);
  fs::create_directory_symlink("..", folder.path() / "real/loop");
  fs::create_directory_symlink(folder.path() / "real", folder.path() / "again");
  fs::create_symlink(folder.path() / "real/a.png", folder.path() / "link.png");
  EXPECT_THAT(read_all(source_of(folder.path())).ids, ElementsAre("again/a.png", "link.png"));
}

TEST(FolderReader, ACaptionExtensionMayBeAnother) {
  const TemporaryFolder folder;
  write_picture(folder.path() / "a.png", 8, 8);
  write_text(folder.path() / "a.caption", "hello");
  SourceOptions options = source_of(folder.path());
  options.caption_extension = "caption";
  EXPECT_EQ(read_all(options).posts.at(0).caption, "hello");
}

ReadAll read_lines(const std::string& lines) {
  const TemporaryFolder folder;
  write_text(folder.path() / "posts.jsonl", lines);
  return read_all(source_of(folder.path() / "posts.jsonl"));
}

TEST(PostsJsonl, NumbersMayBeTextsAndNullsMayBeZeros) {
  const ReadAll all = read_lines(
      R"({"id": "12", "score": "-3", "up_score": "1", "favs": ["7", "8"], "parent_id": "0", "image_width": "3507",)"
      R"( "image_height": "2480", "created_at": "2014-08-16 20:11:29.23325 UTC", "rating": "s", "file_ext": "jpg",)"
      R"( "tags": [{"id": "470575", "name": "1girl", "category": "0"}, {"name": "eliza", "category": "4"}]})"
      "\n"
      R"({"id": 13, "score": null, "created_at": "1970-01-01 00:00:00 UTC", "parent_id": 12, "rating": null,)"
      R"( "tag_string": "a b a"})");
  ASSERT_EQ(all.posts.size(), 2u);
  const Post &first = all.posts[0], &second = all.posts[1];
  EXPECT_EQ(first.id, "12");
  EXPECT_EQ(first.score, -3);
  EXPECT_EQ(first.up_score, 1);
  EXPECT_EQ(first.fav_count, 2);
  EXPECT_EQ(first.parent_id, "");
  EXPECT_EQ(first.width, 3507);
  EXPECT_EQ(first.created_at, 1408219889);
  EXPECT_TRUE(first.rated_s);
  EXPECT_EQ(all.last.tags.category(first.tags[1]), TagCategory::kCharacter);
  EXPECT_EQ(second.id, "13");
  EXPECT_EQ(second.score, std::nullopt);
  EXPECT_EQ(second.created_at, std::nullopt);
  EXPECT_EQ(second.parent_id, "12");
  EXPECT_EQ(second.rating, Rating::kUnknown);
  EXPECT_EQ(second.tags.size(), 2u);
}

TEST(PostsJsonl, DatesMayBeNumbersAndRatingsWords) {
  const ReadAll all = read_lines(
      R"({"id": 1, "created_at": 1408219889, "rating": "Safe"})"
      "\n"
      R"({"id": 2, "created_at": 1408219889233, "rating": "explicit", "is_flagged": true, "file_url": "/a/b.JPG?x"})"
      "\n"
      R"({"id": 12.0, "created_at": "1408219889", "captions": ["one", "two", "two"], "tags": [{"name": "odd",)"
      R"( "category": 7}, {"name": "hat", "category": 0}], "favs": [1, {"a": [2]}, 3]})");
  ASSERT_EQ(all.posts.size(), 3u);
  for (const Post& post : all.posts) EXPECT_EQ(post.created_at, 1408219889);
  EXPECT_EQ(all.posts[0].rating, Rating::kSafe);
  EXPECT_EQ(all.posts[1].rating, Rating::kExplicit);
  EXPECT_TRUE(all.posts[1].is_pending);
  EXPECT_EQ(all.posts[2].id, "12");
  EXPECT_EQ(all.posts[2].caption, "one");
  EXPECT_THAT(all.posts[2].further_captions, ElementsAre("two", "two"));
  EXPECT_EQ(all.posts[2].tags.size(), 2u);  // whatever category 7 is, the tag stays
  EXPECT_EQ(all.posts[2].fav_count, 3);
}

TEST(PostsJsonl, CategoriesComeFromTheirFieldsWhateverTheOrder) {
  const ReadAll all = read_lines(
      R"({"tag_string": "1girl bob touhou", "id": 1, "tag_string_artist": "bob", "tag_string_general": "1girl",)"
      R"( "tags_copyright": ["touhou"], "caption": "A girl."})");
  ASSERT_EQ(all.posts.size(), 1u);
  ASSERT_EQ(all.posts[0].tags.size(), 3u);
  EXPECT_EQ(all.posts[0].caption, "A girl.");
  EXPECT_EQ(all.last.tags.category(all.last.tags.find("bob")), TagCategory::kArtist);
  EXPECT_EQ(all.last.tags.category(all.last.tags.find("touhou")), TagCategory::kCopyright);
  EXPECT_EQ(all.last.tags.category(all.last.tags.find("1girl")), TagCategory::kGeneral);
}

TEST(PostsJsonl, AListOfAllTagsIsReadUnlessItRepeatsThoseByCategory) {
  const ReadAll all = read_lines(
      "{\"id\": 1, \"tag_string\": \"a b c\", \"tag_string_general\": \"a c\", \"tag_string_artist\": \"b\"}\n"
      // as many tags, one of them another
      "{\"id\": 2, \"tag_string\": \"a b d\", \"tag_string_general\": \"a c\", \"tag_string_artist\": \"b\"}\n"
      "{\"id\": 3, \"tag_string\": \" c  a\", \"tag_string_general\": \"a b\"}\n");
  std::vector<std::string> names;
  for (const Post& post : all.posts) {
    std::string& name = names.emplace_back();
    for (const int32_t tag : post.tags) name += all.last.tags.name(tag);
  }
  EXPECT_THAT(names, ElementsAre("acb", "acbd", "abc"));
}

TEST(PostsJsonl, ATagMayHaveFieldsOfAnyKind) {
  const ReadAll all =
      read_lines(R"({"id": 1, "tags": [{"name": "hat", "category": 0, "words": ["hat"], "more": {"a": [1]}}]})"
                 "\n"
                 R"({"id": 2, "tags": [{"name": ["hat"]}]})");
  EXPECT_THAT(all.ids, ElementsAre("1"));
  EXPECT_THAT(all.bad, ElementsAre(" bad_value"));
}

TEST(PostsJsonl, BracketsNestedWithoutEndAreABadLine) {
  const ReadAll all = read_lines("{\"id\": 1, \"x\": " + std::string(1 << 20, '[') +
                                 "\n{\"id\": 2, \"x\": " + std::string(200, '[') + std::string(200, ']') + "}\n");
  EXPECT_THAT(all.ids, ElementsAre("2"));
  EXPECT_THAT(all.bad, ElementsAre(" bad_json"));
}

TEST(PostsJsonl, PicturesLieBesideTheirOwnFile) {
  const TemporaryFolder folder;
  for (const char* part : {"a", "b"}) {
    write_picture(folder.path() / part / (std::string(part) + ".png"), 10, 11);
    write_text(folder.path() / part / "posts.jsonl",
               "{\"id\": \"" + std::string(part) + "\", \"file_ext\": \"png\"}\nbroken");
  }
  const ReadAll all = read_all(source_of(folder.path() / "{a,b}/posts.jsonl"));
  EXPECT_THAT(all.ids, ElementsAre("a", "b"));
  for (const Post& post : all.posts) EXPECT_EQ(post.width, 10);
  EXPECT_EQ(all.last.file, "b/posts.jsonl");
}

TEST(PostsJsonl, BadLinesHaveTheirReason) {
  const ReadAll all = read_lines(
      "\xEF\xBB\xBF{\"id\": 1}\r\n\r\n[1, 2]\n{\"id\": 2\n{\"score\": 3}\n{\"id\": 4, \"image_width\": \"wide\"}\n"
      "{\"id\": 5, \"tag_string\": \"caf\xE9\"}\n{\"id\": 6, \"caption\": \"a\\u0000b\"}\n{\"id\": 7, \"rating\": "
      "\"x\"}\n"
      "{\"id\": 8, \"image_width\": -5}\n{\"id\": 9} {\"id\": 10}\n{\"id\": 11, \"score\": {}}\n{\"id\": 12}");
  EXPECT_THAT(all.ids, ElementsAre("1", "12"));
  EXPECT_THAT(all.bad, ElementsAre(" bad_json", " bad_json", " no_id", " bad_value", " bad_json", " caption_has_nul",
                                   " bad_value", " bad_value", " bad_json", " bad_value"));
  EXPECT_EQ(all.last.bad[0].line, 3);
  EXPECT_EQ(all.last.bad[3].line, 6);
  EXPECT_EQ(all.last.bad[3].detail, "image_width: wide");
}

TEST(PostsJsonl, FindsPicturesByNameHashNumberAndDumpFolder) {
  const TemporaryFolder folder;
  write_picture(folder.path() / "pictures/by_name.png", 10, 11);
  write_picture(folder.path() / "pictures/0123456789abcdef0123456789abcdef.png", 20, 21);
  write_picture(folder.path() / "pictures/3.png", 30, 31);
  write_picture(folder.path() / "pictures/0004/12004.png", 40, 41);
  write_text(folder.path() / "pictures/6.png", "broken");
  write_text(folder.path() / "posts.jsonl", R"({"id": 1, "file_name": "by_name.png", "image_width": 999})"
                                            "\n"
                                            R"({"id": 2, "md5": "0123456789abcdef0123456789abcdef", "file_ext": "png"})"
                                            "\n"
                                            R"({"id": 3, "file_ext": "png"})"
                                            "\n"
                                            R"({"id": 12004, "file_ext": "png"})"
                                            "\n"
                                            R"({"id": 5, "file_ext": "png", "image_width": 7, "image_height": 8})"
                                            "\n"
                                            R"({"id": 6, "file_ext": "png"})"
                                            "\n");
  SourceOptions options = source_of(folder.path() / "posts.jsonl");
  options.image_dir = (folder.path() / "pictures").string();
  const ReadAll all = read_all(options);
  std::vector<int32_t> widths;
  for (const Post& post : all.posts) widths.push_back(post.width);
  EXPECT_THAT(widths, ElementsAre(10, 20, 30, 40, 7));
  EXPECT_TRUE(all.posts[4].picture.path.empty());
  EXPECT_THAT(all.bad, ElementsAre("6 picture_unreadable"));
}

TEST(PostsJsonl, PartsOfALargeFileJoinWithoutSeam) {
  std::string lines;
  const std::string padding(1000, 'x');
  for (int i = 0; i < 12000; ++i) lines += "{\"id\": " + std::to_string(i) + ", \"source\": \"" + padding + "\"}\n";
  const ReadAll all = read_lines(lines);
  ASSERT_EQ(all.ids.size(), 12000u);
  for (int i = 0; i < 12000; ++i) ASSERT_EQ(all.ids[static_cast<size_t>(i)], std::to_string(i));
}

TEST(PostsJson, LinesAndSeveralFilesAreNamedAsWhatTheyAre) {
  const TemporaryFolder folder;
  for (const char* name : {"1.json", "2.json"}) write_text(folder.path() / name, "{\"id\": 1}\n{\"id\": 2}\n");
  for (const char* path : {"1.json", "?.json"}) {
    SourceOptions options = source_of(folder.path() / path);
    try {
      open_source(options);
      FAIL() << path;
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.hint(), testing::HasSubstr("kind: jsonl"));
    }
    options.kind = "jsonl";
    EXPECT_EQ(read_all(options).ids.front(), "1");
  }
}

TEST(OpenSource, MissingAndUnknownSourcesAreTheUsersError) {
  const TemporaryFolder folder;
  write_text(folder.path() / "posts.xlsx", "id\n1\n");
  EXPECT_THROW(open_source(source_of(folder.path() / "nowhere")), ConfigError);
  EXPECT_THROW(open_source(source_of(folder.path() / "posts.xlsx")), ConfigError);
  EXPECT_THROW(open_source(source_of(folder.path() / "*.csv")), ConfigError);
  EXPECT_THROW(open_source(SourceOptions()), ConfigError);
  write_text(folder.path() / "empty.jsonl", "");
  EXPECT_TRUE(read_all(source_of(folder.path() / "empty.jsonl")).ids.empty());
}

}  // namespace
}  // namespace atelier

// The file layer: patterns, places in files and archives, packed text read anywhere, parts without seams.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zlib.h>

#include <cstring>
#include <span>

#include "configs/base/error.h"
#include "configs/base/random.h"
#include "data/files/file_bytes.h"
#include "data/files/files.h"
#include "data/files/picture_bytes.h"
#include "data/ingest/csv_rows.h"
#include "data/ingest/tar_file.h"
#include "data/ingest/text_parts.h"
#include "tests/data/post/posts_fixture.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using namespace std::string_literals;

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(Paths, QueriesOfStoresStayBehind) {
  EXPECT_EQ(join_path("/a/b/", "c.png"), "/a/b/c.png");
  EXPECT_EQ(join_path("s3://set/a?scheme=http", "c d.png"), "s3://set/a/c d.png?scheme=http");
  EXPECT_EQ(parent_path("s3://set/a/b.jsonl?scheme=http"), "s3://set/a?scheme=http");
  EXPECT_EQ(parent_path("/posts.jsonl"), "/");
  EXPECT_EQ(file_name("s3://set/a/b.jsonl?scheme=http"), "b.jsonl");
  EXPECT_EQ(file_suffix("s3://set/a/B.JSONL?x=.tar"), ".jsonl");
}

TEST(ExpandPattern, BracesCountAndNamesMatch) {
  const TemporaryFolder folder;
  for (const char* name : {"a-08.tar", "a-09.tar", "a-10.tar", "b.tar", "sub/c.tar", "odd[1].tar"}) {
    write_text(folder.path() / name, "");
  }
  const auto names = [&](const std::string& pattern) {
    std::vector<std::string> found;
    for (const std::string& path : expand_pattern((folder.path() / pattern).string()))
      found.push_back(fs::path(path).lexically_relative(folder.path()).string());
    return found;
  };
  EXPECT_THAT(names("a-{08..10}.tar"), ElementsAre("a-08.tar", "a-09.tar", "a-10.tar"));
  EXPECT_THAT(names("{b,a-1*}.tar"), ElementsAre("b.tar", "a-10.tar"));
  EXPECT_THAT(names("*/*.tar"), ElementsAre("sub/c.tar"));
  EXPECT_THAT(names("a-?[89].tar"), ElementsAre("a-08.tar", "a-09.tar"));
  EXPECT_THAT(names("odd[1].tar"), ElementsAre("odd[1].tar"));  // as it is written, where that exists
  EXPECT_THAT(names("{0..2}/{x,y}"), ElementsAre("0/x", "0/y", "1/x", "1/y", "2/x", "2/y"));
  EXPECT_THROW(names("*.parquet"), ConfigError);
  EXPECT_THROW(names("{0..9999999}.tar"), ConfigError);
}

TEST(PatternFolder, StandsBeforeWhatVaries) {
  const TemporaryFolder folder;
  const std::string root = folder.path().string();
  write_text(folder.path() / "a[1]/x.csv", "");
  EXPECT_EQ(pattern_folder(root), root);
  EXPECT_EQ(pattern_folder(root + "/a[1]/x.csv"), root + "/a[1]");  // it is there as it is written
  EXPECT_EQ(pattern_folder(root + "/a*/x.csv"), root);
  EXPECT_EQ(pattern_folder(root + "/b/{0..3}.tar"), root + "/b");
  EXPECT_EQ(name_below(root, root + "/a[1]/x.csv"), "a[1]/x.csv");
  EXPECT_EQ(name_below("s3://b?region=x", "s3://b/c/0.tar?region=x"), "c/0.tar");
  EXPECT_EQ(name_below("/", "/x.csv"), "x.csv");
  EXPECT_EQ(name_below("/a", "/ab/x.csv"), "x.csv");
}

TEST(PictureBytes, AreThoseOfTheirPlaceOrAnError) {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "a.tar").string();
  write_text(path, "0123456789");
  EXPECT_EQ(as_text(picture_bytes(path, 3, 4).bytes()), "3456");
  EXPECT_EQ(as_text(picture_bytes(path, 3).bytes()), "3456789");
  EXPECT_EQ(as_text(picture_bytes(path).bytes()), "0123456789");
  EXPECT_THROW(picture_bytes(path, 3, 8), DataError);
  EXPECT_THROW(picture_bytes(path, 11), DataError);
  EXPECT_THROW(picture_bytes(folder.path().string()), DataError);
  EXPECT_THROW(picture_bytes(path + "x"), DataError);
}

std::string gzip(std::string_view text, int level) {
  z_stream stream{};
  deflateInit2(&stream, level, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

/// Some MiB of lines that pack well, but not to nothing.
std::string some_lines(size_t bytes) {
  std::string text;
  CounterRng random(7, "lines", {});
  while (text.size() < bytes) text += "line " + std::to_string(random.next() % 100000) + " of a file\n";
  return text;
}

TEST(GzipFile, IsReadAtAnyPlaceAcrossMembers) {
  const TemporaryFolder folder;
  const std::string text = some_lines(20 << 20) + "the end";
  const size_t cut = 9'000'001;
  const std::string first = gzip(std::string_view(text).substr(0, cut), 1);
  write_text(folder.path() / "a.gz", first + gzip(std::string_view(text).substr(cut), 6));
  const auto file = open_text_file((folder.path() / "a.gz").string());
  ASSERT_EQ(file->size(), static_cast<int64_t>(text.size()));
  EXPECT_EQ(file->damage(), "");
  std::string buffer;
  const auto size = static_cast<int64_t>(text.size());
  for (const int64_t offset :
       {int64_t{0}, int64_t{8'388'600}, int64_t{cut - 10}, int64_t{17'000'000}, size - 3, size}) {
    EXPECT_EQ(file->read(offset, 100'000, buffer), std::string_view(text).substr(static_cast<size_t>(offset), 100'000));
  }

  write_text(folder.path() / "cut.gz", first.substr(0, first.size() / 2));
  const auto half = open_text_file((folder.path() / "cut.gz").string());
  EXPECT_EQ(half->damage(), "cut short");
  EXPECT_GT(half->size(), 1 << 20);
  EXPECT_EQ(half->read(0, half->size(), buffer), std::string_view(text).substr(0, static_cast<size_t>(half->size())));
  write_text(folder.path() / "no.gz", "plain text");
  EXPECT_THROW(open_text_file((folder.path() / "no.gz").string()), ConfigError);
}

std::string join_parts(const TextParts& parts) {
  std::string all, buffer;
  PostBatch batch;
  for (int64_t part = 0; part < parts.count(); ++part) all += parts.read(part, buffer, batch);
  return all;
}

TEST(TextParts, JoinToTheFileAndEndAtRecords) {
  const TemporaryFolder folder;
  std::string lines = some_lines(13 << 20);
  lines += std::string(9 << 20, 'x') + "\nlast";  // one line longer than two parts
  write_text(folder.path() / "a.jsonl", lines);
  write_text(folder.path() / "a.jsonl.gz", gzip(lines, 1));
  for (const char* name : {"a.jsonl", "a.jsonl.gz"}) {
    const TextParts parts((folder.path() / name).string(), TextParts::Records::kLines);
    ASSERT_EQ(parts.count(), 6) << name;
    EXPECT_EQ(join_parts(parts), lines) << name;
  }

  // Quotes open at the start of a field only; line ends within them end no record.
  std::string table = "id,text\n";
  CounterRng random(3, "csv", {});
  while (table.size() < (11u << 20)) {
    const std::string inside = "a \"\"quoted\"\" word,\nand a line" + std::string(random.next() % 200, 'y');
    table += std::to_string(table.size()) + (random.next() % 2 ? ",\"" + inside + "\"\n" : ",it is 5\" wide\n");
  }
  write_text(folder.path() / "a.csv", table);
  const TextParts parts((folder.path() / "a.csv").string(), TextParts::Records::kCsv);
  EXPECT_EQ(parts.count(), 3);
  EXPECT_EQ(join_parts(parts), table);
  PostBatch batch;
  std::string buffer;
  for (int64_t part = 0; part < parts.count(); ++part) {
    CsvRows rows(parts.read(part, buffer, batch), ',');
    while (rows.next()) ASSERT_EQ(rows.fields().size(), 2u) << rows.lines();
    EXPECT_FALSE(rows.unclosed());
  }
}

TEST(CsvRows, AreThoseOfRfc4180) {
  CsvRows rows("a,\"b \"\"c\"\",\nd\",\r\n\n\"\",x\"y,\"z\"w\n\"open\nend", ',');
  ASSERT_TRUE(rows.next());
  EXPECT_THAT(rows.fields(), ElementsAre("a", "b \"c\",\nd", ""));
  EXPECT_EQ(rows.lines_before(), 0);
  ASSERT_TRUE(rows.next());
  EXPECT_THAT(rows.fields(), ElementsAre("", "x\"y", "zw"));
  EXPECT_EQ(rows.lines_before(), 3);
  EXPECT_FALSE(rows.unclosed());
  ASSERT_TRUE(rows.next());
  EXPECT_THAT(rows.fields(), ElementsAre("open\nend"));
  EXPECT_TRUE(rows.unclosed());
  EXPECT_FALSE(rows.next());
}

/// A ustar header by hand. `size` as octal, or in base 256.
std::string tar_header(const std::string& name, int64_t size, bool base256 = false, char type = '0') {
  std::string header(512, '\0');
  std::memcpy(header.data(), name.data(), name.size());
  std::snprintf(header.data() + 124, 12, "%011llo", static_cast<unsigned long long>(size));
  if (base256) {
    std::fill_n(header.data() + 124, 12, '\0');
    header[124] = static_cast<char>(0x80);
    for (int i = 0; i < 8; ++i) header[135 - i] = static_cast<char>(size >> (8 * i));
  }
  header[156] = type;
  std::memcpy(header.data() + 257, "ustar\00000", 8);
  std::memset(header.data() + 148, ' ', 8);
  int sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  std::snprintf(header.data() + 148, 8, "%06o", sum);
  return header;
}

TEST(ListTar, EndsWhereTheArchiveIsDamaged) {
  const TemporaryFolder folder;
  const auto list = [&](const std::string& content) {
    write_text(folder.path() / "a.tar", content);
    const std::string path = (folder.path() / "a.tar").string();
    return list_tar(path, *open_file(path));
  };
  const std::string block(512, 'x'), end(1024, '\0');
  const std::string good = tar_header("a.png", 5) + block + tar_header("b.png", 512, true) + block;
  TarListing listing = list(good + end);
  EXPECT_EQ(listing.damage, "");
  ASSERT_EQ(listing.members.size(), 2u);
  EXPECT_EQ(listing.members[1].name, "b.png");
  EXPECT_EQ(listing.members[1].offset, 1536);
  EXPECT_EQ(listing.members[1].size_bytes, 512);
  EXPECT_EQ(list(good).damage, "");  // some writers leave the end out

  listing = list(good.substr(0, good.size() - 1));
  EXPECT_EQ(listing.damage, "cut short within b.png");
  EXPECT_EQ(listing.damage_offset, 1024);
  EXPECT_EQ(listing.members.size(), 1u);
  EXPECT_EQ(list(tar_header("a.png", 5) + block + block).damage, "no tar header where one belongs");
  EXPECT_EQ(list(tar_header("a.png", int64_t{1} << 60, true)).damage, "cut short within a.png");
  EXPECT_EQ(list(tar_header("a.png", -1, true)).damage, "a member without a sensible size");
  EXPECT_EQ(list(good + "short").damage, "cut short within a header");
}

TEST(ListTar, ANegativeSizeOfAPaxHeaderIsNotFollowedBackwards) {
  const TemporaryFolder folder;
  std::string record = "14 size=-1024\n";
  record.resize(512);
  write_text(folder.path() / "a.tar", tar_header("pax", 14, false, 'x') + record + tar_header("a.png", 0));
  const std::string path = (folder.path() / "a.tar").string();
  EXPECT_EQ(list_tar(path, *open_file(path)).members.size(), 1u);
}

TEST(TarSource, HiddenMembersAreLeftOutAndTarsOfOneNameToldApart) {
  const TemporaryFolder folder;
  const std::string picture = png_of_size(30, 20) + std::string(512 - png_of_size(30, 20).size() % 512, '\0');
  const std::string content = tar_header("./._1.png", 512) + std::string(512, 'm') +
                              tar_header("./1.png", static_cast<int64_t>(picture.size())) + picture;
  write_text(folder.path() / "a/0.tar", content);
  write_text(folder.path() / "b/0.tar", content.substr(0, content.size() - 512));
  const auto reader = open_source(source_of(folder.path() / "{a,b}/0.tar"));
  ASSERT_EQ(reader->part_count(), 2);
  const PostBatch first = reader->read(0, PictureProbe()), second = reader->read(1, PictureProbe());
  ASSERT_EQ(first.posts.size(), 1u);
  EXPECT_EQ(first.posts[0].id, "a/0.tar!./1.png");
  EXPECT_EQ(first.other_files, 1);
  EXPECT_TRUE(first.bad.empty());
  ASSERT_EQ(second.bad.size(), 1u);
  EXPECT_EQ(second.bad[0].place, "b/0.tar, offset 1024");
}

TEST(TarSource, GroupsMembersByKeyAndCountsWhatIsBad) {
  const TemporaryFolder folder;
  const auto member = [](const std::string& name, const std::string& content) {
    return tar_header(name, static_cast<int64_t>(content.size())) + content +
           std::string((512 - content.size() % 512) % 512, '\0');
  };
  const std::string picture = png_of_size(30, 20);
  write_text(folder.path() / "s.tar",
             member("x/1.png", picture) + member("x/1.txt", "1girl, solo\nsecond") + member("x/1.seg.json", "{}") +
                 member("x/2.jpg", "no picture") + member("x/2.caption", "hat") + member("x/3.webp", picture) +
                 member("x/3.json", R"({"tags": ["a b"], "score": 4, "id": 77})") + member("x/4.png", picture) +
                 member("x/4.json", "{broken") + member("x/4.npz", "cache") + std::string(1024, '\0'));
  const auto reader = open_source(source_of(folder.path() / "s.tar"));
  EXPECT_EQ(reader->kind(), "tar");
  ASSERT_EQ(reader->part_count(), 1);
  const PostBatch batch = reader->read(0, PictureProbe());
  ASSERT_EQ(batch.posts.size(), 2u);
  EXPECT_EQ(batch.posts[0].id, "s.tar!x/1.png");
  EXPECT_EQ(batch.posts[0].caption, "1girl, solo");
  EXPECT_THAT(batch.posts[0].further_captions, ElementsAre("second"));
  EXPECT_EQ(batch.posts[0].picture.offset, 512);
  EXPECT_EQ(batch.posts[0].picture.size_bytes, static_cast<int64_t>(picture.size()));
  EXPECT_EQ(batch.posts[0].width, 30);
  EXPECT_EQ(batch.posts[1].id, "s.tar!x/3.webp");
  EXPECT_EQ(batch.posts[1].score, 4);
  EXPECT_EQ(batch.tags.name(batch.posts[1].tags.at(0)), "a_b");
  ASSERT_EQ(batch.bad.size(), 2u);
  EXPECT_EQ(batch.bad[0].reason, "picture_unreadable");
  EXPECT_THAT(batch.bad[0].place, testing::MatchesRegex("s.tar, offset [0-9]+"));
  EXPECT_EQ(batch.bad[1].reason, "bad_json");
  EXPECT_EQ(batch.other_files, 1);
}

TEST(FolderSource, TextsBesidePicturesAreUsedOrCounted) {
  const TemporaryFolder folder;
  for (const char* name : {"a.png", "b.png", "c.png", "d.png"}) write_picture(folder.path() / name, 9, 9);
  write_text(folder.path() / "a.caption", "by the other suffix");
  write_text(folder.path() / "b.png.json", R"({"tags_general": ["hat"], "rating": "g", "caption": "of the record"})");
  write_text(folder.path() / "b.txt", "of the file");
  write_text(folder.path() / "c.json", "[1]");
  write_text(folder.path() / "d.json", R"({"rating": "no such"})");
  const auto reader = open_source(source_of(folder.path()));
  const PostBatch batch = reader->read(0, PictureProbe());
  ASSERT_EQ(batch.posts.size(), 2u);
  EXPECT_EQ(batch.posts[0].caption, "by the other suffix");
  EXPECT_EQ(batch.posts[1].caption, "of the file");
  EXPECT_EQ(batch.posts[1].rating, Rating::kGeneral);
  ASSERT_EQ(batch.posts[1].tags.size(), 1u);
  ASSERT_EQ(batch.bad.size(), 2u);
  EXPECT_EQ(batch.bad[0].id + " " + batch.bad[0].reason, "c.png bad_json");
  EXPECT_EQ(batch.bad[1].id + " " + batch.bad[1].reason + " " + batch.bad[1].detail, "d.png bad_value rating: no such");
}

TEST(FolderSource, AHeaderOfAbsurdSizeIsCounted) {
  const TemporaryFolder folder;
  write_picture(folder.path() / "bomb.png", 1'000'000, 1'000'000);
  write_picture(folder.path() / "name\nwith a line.png", 9, 9);
  // Opening a pipe would wait for ever.
  write_picture(folder.path() / "pipe as text.png", 9, 9);
  for (const char* name : {"pipe.png", "pipe as text.txt", "pipe as text.json"}) {
    ASSERT_EQ(mkfifo((folder.path() / name).c_str(), 0600), 0);
  }
  EXPECT_THROW(picture_bytes((folder.path() / "pipe.png").string()), DataError);
  const auto reader = open_source(source_of(folder.path()));
  const PostBatch batch = reader->read(0, PictureProbe());
  ASSERT_EQ(batch.posts.size(), 1u);
  EXPECT_EQ(batch.posts[0].id, "name\nwith a line.png");
  ASSERT_EQ(batch.bad.size(), 3u);
  EXPECT_THAT(batch.bad[0].detail, testing::HasSubstr("1000000 x 1000000 px"));
  EXPECT_EQ(batch.bad[1].reason, "record_unreadable");
  EXPECT_EQ(batch.bad[2].reason, "picture_unreadable");
}

TEST(PictureProbe, AFileThatCannotBeOpenedIsAFaultOfTheSample) {
  PictureFile gone;
  gone.path = "/nowhere/a.png";
  EXPECT_THROW(PictureProbe().probe(gone), DataError);
  EXPECT_THROW(read_small_file("/nowhere/a.json", 100), DataError);
}

TEST(PictureProbe, DoesNotOpenWhatIsKnownInATar) {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "a.tar").string();
  write_text(path, "no picture at all");
  ImageInfo info;
  info.width = 12;
  PictureProbe probe;
  probe.remember(path, 5, 99, info, 3);
  PictureFile place;
  place.path = path;
  place.offset = 3;
  place.size_bytes = 5;
  place.modified_ns = 99;
  EXPECT_EQ(probe.probe(place).info.width, 12);
  place.offset = 4;
  EXPECT_THROW(probe.probe(place), DataError);
}

}  // namespace
}  // namespace atelier

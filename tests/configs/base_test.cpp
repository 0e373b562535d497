#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/hash.h"
#include "configs/base/text.h"
#include "configs/base/thread_pool.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

TEST(Text, SplitsTrimsAndGroups) {
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_EQ(split_words("  one\ttwo\n"), (std::vector<std::string_view>{"one", "two"}));
  EXPECT_EQ(trim(" x y "), "x y");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(-123), "-123");
  EXPECT_EQ(grouped(-1234), "-1,234");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_seconds(125), "2 min 05 s");
  EXPECT_EQ(shortest(1e-4), "0.0001");
}

TEST(Text, FindsTheNearestWordButNotAnyWord) {
  const std::vector<std::string> words = {"learning_rate", "seed", "max_train_steps"};
  EXPECT_EQ(nearest_word("learing_rate", words), "learning_rate");
  EXPECT_EQ(nearest_word("Seed", words), "seed");
  EXPECT_EQ(nearest_word("wholly_unlike", words), "");
}

// Cases of the Unicode standard's table 3-7 (well-formed UTF-8 byte sequences).
TEST(Text, ChecksUtf8) {
  EXPECT_TRUE(is_valid_utf8("plain"));
  EXPECT_TRUE(is_valid_utf8("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
  EXPECT_FALSE(is_valid_utf8("\xC0\xAF"));          // overlong
  EXPECT_FALSE(is_valid_utf8("\xED\xA0\x80"));      // surrogate
  EXPECT_FALSE(is_valid_utf8("\xF4\x90\x80\x80"));  // beyond U+10FFFF
  EXPECT_FALSE(is_valid_utf8("\xE2\x82"));          // cut
  EXPECT_FALSE(is_valid_utf8(std::string_view("a\0b", 3)));
}

// Reference digests: sha256sum of coreutils; XXH3_128bits and XXH3_64bits of the empty input from the xxHash
// specification.
TEST(Hash, EqualsReferenceDigests) {
  const std::string abc = "abc";
  EXPECT_EQ(sha256_hex(std::as_bytes(std::span(abc))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(content_hash(""), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(hash64(""), 0x2d06800538d394c2ull);
}

TEST(Hash, FieldsDoNotRunTogether) {
  ContentHasher one, two;
  one.update_field("ab"), one.update_field("c");
  two.update_field("a"), two.update_field("bc");
  EXPECT_NE(one.hex(), two.hex());
}

TEST(AtomicFile, AppearsOnlyWhenCommitted) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "result.txt";
  {
    AtomicFile file(path);
    file.write("half");
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
  write_file_atomically(path, "whole");
  EXPECT_EQ(read_file(path), "whole");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
}

TEST(AtomicFile, FullDiskIsAMachineError) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  const int saved = errno;
  errno = ENOSPC;
  try {
    throw_errno("cannot write", "/somewhere");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kMachine);
  }
  errno = saved;
}

TEST(ThrowErrno, TellsWhatTheUserCanMendFromWhatTheMachineLacks) {
  errno = EACCES;
  EXPECT_THROW(throw_errno("cannot open", "/somewhere"), ConfigError);
  errno = EMFILE;
  EXPECT_THROW(throw_errno("cannot open", "/somewhere"), MachineError);
  errno = EACCES;
  EXPECT_THROW(throw_errno("cannot start", "rank 1", ExitCode::kMachine), MachineError);
}

TEST(AtomicFolder, ReplacesWholeOrNotAtAll) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "checkpoint";
  {
    AtomicFolder first(path);
    write_file_atomically(first.temporary_path() / "a", "1");
    first.commit();
  }
  EXPECT_THROW(AtomicFolder again(path), ConfigError);
  {
    AtomicFolder dropped(path, /*replace=*/true);
    write_file_atomically(dropped.temporary_path() / "b", "2");
  }
  EXPECT_TRUE(fs::exists(path / "a"));
  {
    AtomicFolder second(path, /*replace=*/true);
    write_file_atomically(second.temporary_path() / "b", "2");
    second.commit();
  }
  EXPECT_FALSE(fs::exists(path / "a"));
  EXPECT_TRUE(fs::exists(path / "b"));
}

TEST(AtomicFolder, AReplacedFolderIsNeverAway) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "model";
  const auto write = [&] {
    AtomicFolder next(path, /*replace=*/true);
    write_file_atomically(next.temporary_path() / "a", "1");
    next.commit();
  };
  write();
  std::atomic<bool> done = false;
  std::atomic<int> looked = 0, missed = 0;
  std::thread reader([&] {
    for (; !done; ++looked) missed += fs::exists(path / "a") ? 0 : 1;
  });
  for (int i = 0; i < 300; ++i) write();
  done = true;
  reader.join();
  EXPECT_GT(looked, 300);
  EXPECT_EQ(missed, 0);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
}

TEST(AtomicFile, TheNextWriterRemovesWhatAKilledOneLeft) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "x.tmp-999999999") << "half of it";
  std::ofstream(folder.path() / "x.tmp-1") << "another writer's, alive";
  std::ofstream(folder.path() / "y.tmp-999999999") << "another file's";
  fs::create_directories(folder.path() / "model.tmp-999999998/unet");
  write_file_atomically(folder.path() / "x", "whole");
  EXPECT_FALSE(fs::exists(folder.path() / "x.tmp-999999999"));
  EXPECT_TRUE(fs::exists(folder.path() / "x.tmp-1"));
  EXPECT_TRUE(fs::exists(folder.path() / "y.tmp-999999999"));
  const AtomicFolder model(folder.path() / "model");
  EXPECT_FALSE(fs::exists(folder.path() / "model.tmp-999999998"));
}

TEST(AtomicFile, LeftoversOfDeadProcessesAreRemoved) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "x.tmp-999999999") << "dead";
  std::ofstream(folder.path() / "x.tmp-1") << "alive";
  std::ofstream(folder.path() / "x.tmp-notes") << "a user's";
  std::ofstream(folder.path() / "x.tmp-99999999999999999999") << "no process";
  remove_stale_temporaries(folder.path());
  EXPECT_FALSE(fs::exists(folder.path() / "x.tmp-999999999"));
  EXPECT_TRUE(fs::exists(folder.path() / "x.tmp-1"));
  EXPECT_TRUE(fs::exists(folder.path() / "x.tmp-notes"));
  EXPECT_TRUE(fs::exists(folder.path() / "x.tmp-99999999999999999999"));
}

TEST(ThreadPool, RunsAllAndCarriesExceptions) {
  std::vector<int> hits(1000);
  parallel_for(1000, 4, [&](int64_t i) { ++hits[static_cast<size_t>(i)]; });
  for (int hit : hits) EXPECT_EQ(hit, 1);
  EXPECT_THROW(parallel_for(100, 3,
                            [](int64_t i) {
                              if (i == 50) throw DataError("bad");
                            }),
               DataError);
  ThreadPool pool(2);
  EXPECT_THROW(pool.submit([] { throw DataError("bad"); }).get(), DataError);
}

TEST(Error, PrintsOneBlock) {
  EXPECT_EQ(format_error(ConfigError("unknown key", "run.yaml:3: trian", "did you mean 'train'?")),
            "error: unknown key\n   at: run.yaml:3: trian\n  fix: did you mean 'train'?\n");
}

}  // namespace
}  // namespace atelier

// Ids typed from transformers 5.23's CLIPTokenizer; tests/peer/test_tokenizer.py compares 2,000 hard texts with it
// live.
#include "data/caption/clip_tokenizer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <thread>
#include <utility>

#include "configs/base/error.h"
#include "data/caption/clip_words.h"

namespace atelier {
namespace {

using Ids = std::vector<int32_t>;

const ClipTokenizer& tokenizer() {
  static const ClipTokenizer instance;
  return instance;
}

TEST(ClipTokenizer, GivesTransformersIds) {
  const std::pair<const char*, Ids> cases[] = {
      {"", {49406, 49407}},
      {"!", {49406, 256, 49407}},
      {"1girl, long_hair", {49406, 272, 1611, 267, 1538, 318, 2225, 49407}},
      {"it's THE!", {49406, 585, 568, 518, 256, 49407}},
      {"a <|endoftext|> b", {49406, 320, 49407, 321, 49407}},
      {"a<|ENDOFTEXT|>!", {49406, 320, 27, 347, 40786, 4160, 91, 285, 256, 49407}},
      {"!<|ENDOFTEXT|>!", {49406, 0, 27, 347, 40786, 4160, 91, 29, 256, 49407}},
      {"\u0130stanbul \u03A3\u0391\u03A3", {49406, 328, 16384, 11231, 139, 225, 138, 109, 139, 481, 49407}},
      {"e\u0301 x\u00a0y\u0085z\u200bq", {49406, 4166, 343, 344, 345, 9844, 336, 49407}},
  };
  for (const auto& [text, ids] : cases) EXPECT_EQ(tokenizer().encode(text), ids) << text;
}

TEST(ClipTokenizer, GivesTheSameWhenAWordIsRemembered) {
  for (int i = 0; i < 2; ++i) EXPECT_EQ(tokenizer().encode("it's THE!"), (Ids{49406, 585, 568, 518, 256, 49407}));
}

TEST(ClipTokenizer, ServesThreadsAtOnce) {
  const ClipTokenizer fresh;
  std::vector<Ids> first(4), second(4);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int word = 0; word < 2000; ++word) first[i] = fresh.encode("silver hair " + std::to_string(word * 7919));
      second[i] = fresh.encode("a castle by the sea");
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(first[i], tokenizer().encode("silver hair " + std::to_string(1999 * 7919)));
    EXPECT_EQ(second[i], tokenizer().encode("a castle by the sea"));
  }
}

TEST(ClipTokenizer, RefusesAFileOfAnotherKind) {
  EXPECT_THROW(ClipTokenizer("/nowhere/vocabulary.gz"), ConfigError);
  const auto path = std::filesystem::temp_directory_path() / "atelier-not-a-vocabulary.gz";
  std::ofstream(path) << "i n\nt h\n";
  EXPECT_THROW(ClipTokenizer{path}, ConfigError);
  std::filesystem::remove(path);
}

TEST(PadOrTruncate, KeepsAnEndInTheLastPlace) {
  const Ids ids = {49406, 1, 2, 3, 49407};
  EXPECT_EQ(pad_or_truncate(ids, 0, 7), (Ids{49406, 1, 2, 3, 49407, 0, 0}));
  EXPECT_EQ(pad_or_truncate(ids, clip_pad_id(1), 6), (Ids{49406, 1, 2, 3, 49407, 49407}));
  EXPECT_EQ(pad_or_truncate(ids, clip_pad_id(2), 5), ids);
  EXPECT_EQ(pad_or_truncate(ids, 0, 4), (Ids{49406, 1, 2, 49407}));
  EXPECT_EQ(pad_or_truncate(ids, 0).size(), 77u);
}

TEST(ClipWords, AreThePatternsMatches) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(clip_words("It's 12 o'clock--NOW"), (Words{"it", "'s", "1", "2", "o", "'", "clock", "--", "now"}));
  EXPECT_EQ(clip_words(" \t "), Words{});
  EXPECT_EQ(clip_words("caf\xE9"), (Words{"caf", "\uFFFD"}));
}

}  // namespace
}  // namespace atelier

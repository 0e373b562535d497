// Where prompts are cut; tests/peer/test_prompts.py compares the encoding of the chunks with transformers.
#include "data/caption/prompt_chunks.h"

#include <gtest/gtest.h>

namespace atelier {
namespace {

constexpr int32_t kA = 320, kB = 321;  // "a", "b"

const ClipTokenizer& tokenizer() {
  static const ClipTokenizer instance;
  return instance;
}

std::string repeated(const std::string& word, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += (i > 0 ? " " : "") + word;
  return out;
}

PromptOptions options(const std::string& chunking, int64_t max_token_length = 0) {
  PromptOptions result;
  result.token_chunking = chunking;
  result.max_token_length = max_token_length;
  return result;
}

ChunkedPrompt chunked(const std::string& text, const PromptOptions& reading, std::span<const PromptWord> words = {}) {
  return chunk_prompt(text, tokenizer(), reading, words);
}

std::vector<int64_t> sizes(const ChunkedPrompt& prompt) {
  std::vector<int64_t> out;
  for (const PromptChunk& chunk : prompt.chunks) out.push_back(std::ssize(chunk.ids));
  return out;
}

using Sizes = std::vector<int64_t>;

TEST(PromptChunks, TrainingsDefaultIsTheTokenizersRowCutAtSeventyFive) {
  for (const std::string& text : {std::string(), std::string("hatsune_miku_(append), BREAK, [x:2]"),
                                  repeated("green hair,", 40), repeated("a", 75), repeated("a", 76)}) {
    SCOPED_TRACE(text);
    const std::vector<int32_t> ids = tokenizer().encode(text);
    const ChunkedPrompt prompt = chunked(text, PromptOptions());
    ASSERT_EQ(prompt.chunks.size(), 1);
    EXPECT_EQ(prompt.tokens, std::ssize(ids) - 2);
    EXPECT_EQ(prompt.cut, std::max<int64_t>(0, std::ssize(ids) - 77));
    for (const int encoder : {1, 2}) {
      EXPECT_EQ(chunk_input_ids(prompt.chunks[0], clip_pad_id(encoder)), pad_or_truncate(ids, clip_pad_id(encoder)));
    }
  }
}

TEST(PromptChunks, BlindCutsAfterEverySeventyFiveTokens) {
  const ChunkedPrompt prompt = chunked(repeated("a, b", 60), options("blind75"));  // 180 tokens
  EXPECT_EQ(sizes(prompt), (Sizes{75, 75, 30}));
  EXPECT_EQ(prompt.cut, 0);
  EXPECT_EQ(sizes(chunked(repeated("a", 150), options("blind75"))), (Sizes{75, 75}));
}

TEST(PromptChunks, WhatPassesTheLongestLengthIsCutAndCounted) {
  const ChunkedPrompt prompt = chunked(repeated("a", 200), options("blind75", 150));
  EXPECT_EQ(sizes(prompt), (Sizes{75, 75}));
  EXPECT_EQ(prompt.tokens, 200);
  EXPECT_EQ(prompt.cut, 50);
}

TEST(PromptChunks, BySeparatorMovesWhatStandsBehindACommaNearTheEnd) {
  // 60 tokens, a comma (position 60), 14 tokens: full. The next is no comma: 14 move on.
  const std::string full = repeated("a", 60) + ", " + repeated("b", 14);
  EXPECT_EQ(sizes(chunked(full, options("by_separator"))), (Sizes{75}));
  const ChunkedPrompt moved = chunked(full + " a", options("by_separator"));
  EXPECT_EQ(sizes(moved), (Sizes{61, 15}));
  EXPECT_EQ(moved.chunks[1].ids.front(), kB);
  EXPECT_EQ(moved.chunks[1].ids.back(), kA);
  EXPECT_EQ(sizes(chunked(full + ", a", options("by_separator"))), (Sizes{75, 2}));  // a comma itself does not move
}

TEST(PromptChunks, BySeparatorLooksBackTwentyTokensAndNoFurther) {
  const auto cut = [](int behind) {
    return sizes(chunked(repeated("a", 74 - behind) + ", " + repeated("b", behind + 3), options("by_separator")));
  };
  EXPECT_EQ(cut(19), (Sizes{56, 22}));  // 75 - position 55 = 20
  EXPECT_EQ(cut(20), (Sizes{75, 3}));
}

TEST(PromptChunks, BreakEndsAChunkHoweverShort) {
  for (const char* chunking : {"by_separator", "explicit_break"}) {
    EXPECT_EQ(sizes(chunked("a a BREAK b BREAK BREAK a", options(chunking))), (Sizes{2, 1, 0, 1})) << chunking;
    EXPECT_EQ(sizes(chunked("BREAK a BREAK", options(chunking))), (Sizes{0, 1})) << chunking;
  }
  PromptOptions weighted = options("blind75");
  weighted.weighted_captions = true;
  EXPECT_EQ(sizes(chunked("a BREAK b", weighted)), (Sizes{1, 1}));
}

TEST(PromptChunks, ExplicitBreakCutsAndCountsWhatIsTooLong) {
  const ChunkedPrompt prompt = chunked(repeated("a", 80) + " BREAK " + repeated("b", 90), options("explicit_break"));
  EXPECT_EQ(sizes(prompt), (Sizes{75, 75}));
  EXPECT_EQ(prompt.chunks[1].ids.front(), kB);
  EXPECT_EQ(prompt.tokens, 170);
  EXPECT_EQ(prompt.cut, 20);
}

TEST(PromptChunks, WeightsStayWithTheirTokens) {
  PromptOptions weighted = options("by_separator");
  weighted.weighted_captions = true;
  const ChunkedPrompt prompt = chunked(repeated("a", 70) + ", (" + repeated("b", 10) + ":1.5) [a]", weighted);
  EXPECT_EQ(sizes(prompt), (Sizes{71, 11}));
  EXPECT_EQ(prompt.chunks[0].weights, std::vector<float>(71, 1));
  std::vector<float> expected(10, 1.5F);
  expected.push_back(static_cast<float>(1 / 1.1));
  EXPECT_EQ(prompt.chunks[1].weights, expected);
}

PromptWord word(const std::string& text, int64_t vectors) {
  const std::vector<int32_t> ids = tokenizer().encode(text);
  return {{ids.begin() + 1, ids.end() - 1}, vectors};
}

TEST(PromptChunks, AWordTakesAsManyPlacesAsItHasVectors) {
  const std::vector<PromptWord> words = {word("easy", 2), word("easynegative style", 5)};
  const ChunkedPrompt prompt = chunked("a EasyNegative style b easy", options("blind75"), words);
  ASSERT_EQ(prompt.chunks.size(), 1);
  const PromptChunk& chunk = prompt.chunks[0];
  EXPECT_EQ(chunk.ids, (std::vector<int32_t>{kA, 0, 0, 0, 0, 0, kB, 0, 0}));
  EXPECT_EQ(chunk.words, (std::vector<PromptChunk::Word>{{1, 1}, {7, 0}}));  // the longer one where both fit
  EXPECT_EQ(prompt.tokens, 9);
}

TEST(PromptChunks, AWordIsNeverSplit) {
  const std::vector<PromptWord> words = {word("easynegative", 8)};
  const ChunkedPrompt prompt = chunked(repeated("a", 70) + " easynegative b", options("blind75"), words);
  EXPECT_EQ(sizes(prompt), (Sizes{70, 9}));
  EXPECT_EQ(prompt.chunks[1].words, (std::vector<PromptChunk::Word>{{0, 0}}));
  const ChunkedPrompt cut = chunked(repeated("a", 70) + " easynegative b", options("explicit_break"), words);
  EXPECT_EQ(sizes(cut), (Sizes{71}));  // "b" fits, the word does not
  EXPECT_EQ(cut.cut, 8);
  EXPECT_TRUE(cut.chunks[0].words.empty());
}

TEST(PromptChunks, AWordMovesOnWithTheTextBehindItsComma) {
  const std::vector<PromptWord> words = {word("easynegative", 8)};
  const std::string text = "easynegative " + repeated("a", 52) + ", b easynegative " + repeated("b", 10);
  const ChunkedPrompt prompt = chunked(text, options("by_separator"), words);
  EXPECT_EQ(sizes(prompt), (Sizes{61, 19}));
  EXPECT_EQ(prompt.chunks[0].words, (std::vector<PromptChunk::Word>{{0, 0}}));
  EXPECT_EQ(prompt.chunks[1].words, (std::vector<PromptChunk::Word>{{1, 0}}));
}

TEST(PromptChunks, APlaceOfAChunkCanBeFewer) {
  const ChunkedPrompt prompt = chunk_prompt("a b a b a", tokenizer(), options("blind75"), {}, 2);
  EXPECT_EQ(sizes(prompt), (Sizes{2, 2, 1}));
  EXPECT_EQ(chunk_input_ids(prompt.chunks[2], 0, 4),
            (std::vector<int32_t>{ClipTokenizer::kBos, kA, ClipTokenizer::kEos, 0}));
}

}  // namespace
}  // namespace atelier

// The table of cases is tests/golden/prompts/webui_cases.json; tests/peer/test_prompts.py reads it too.
#include "data/caption/prompt.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "configs/base/atomic_file.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

using Json = nlohmann::json;

std::string readable(const std::vector<PromptPart>& parts) {
  std::string out;
  for (const PromptPart& part : parts) {
    out += part.is_break ? "BREAK " : text('"', part.text, "\" ", shortest(part.weight), ' ');
  }
  return out;
}

void expect_parts(const std::vector<PromptPart>& parts, const Json& expected) {
  ASSERT_EQ(parts.size(), expected.size()) << readable(parts);
  for (size_t i = 0; i < parts.size(); ++i) {
    EXPECT_EQ(parts[i].is_break, expected[i].is_string()) << readable(parts);
    if (parts[i].is_break || expected[i].is_string()) continue;
    EXPECT_EQ(parts[i].text, expected[i][0].get<std::string>());
    EXPECT_NEAR(parts[i].weight, expected[i][1].get<double>(), 1e-12) << readable(parts);
  }
}

TEST(Prompt, IsReadAsTheWebUisDo) {
  const auto path = std::filesystem::path(ATELIER_TEST_DATA) / "prompts/webui_cases.json";
  std::map<std::string, int> rules;
  for (const Json& entry : Json::parse(read_file(path))) {
    const auto prompt = entry["prompt"].get<std::string>();
    SCOPED_TRACE(prompt);
    expect_parts(parse_prompt(prompt), entry["parts"]);
    ++rules[entry["rule"].get<std::string>()];
  }
  EXPECT_EQ(rules.size(), 9);
}

TEST(Prompt, WithoutEmphasisOnlyBreakIsRead) {
  expect_parts(split_at_breaks("miku_(append), [a:1.2] BREAK (b"),
               Json::parse(R"([["miku_(append), [a:1.2]", 1], "BREAK", ["(b", 1]])"));
  expect_parts(split_at_breaks(""), Json::parse(R"([["", 1]])"));
}

TEST(Prompt, BytesThatAreNoUtf8AreTextLikeAny) {
  const std::vector<PromptPart> parts = parse_prompt("(\xE9) \xFF BREAK \x80:1.2)");
  ASSERT_EQ(parts.size(), 4);
  EXPECT_EQ(parts[0].text, "\xE9");
  EXPECT_EQ(parts[1].text, " \xFF");
  EXPECT_TRUE(parts[2].is_break);
  EXPECT_EQ(parts[3].text, "\x80:1.2)");
}

TEST(Prompt, ThousandsOfOpenBracketsHoldToTheEnd) {
  const std::vector<PromptPart> parts = parse_prompt(std::string(2000, '(') + "a" + std::string(1999, ')'));
  ASSERT_EQ(parts.size(), 1);
  EXPECT_NEAR(parts[0].weight / std::pow(1.1, 2000), 1, 1e-9);
}

}  // namespace
}  // namespace atelier

#include "trainer/prompting/prompts.h"

#include <gtest/gtest.h>

#include <fstream>

#include "configs/base/error.h"
#include "tests/support/temporary_folder.h"
#include "trainer/prompting/picture_text.h"

namespace atelier {
namespace {

PromptLine parse(std::string_view line) {
  PromptLine defaults;
  defaults.negative_prompt = "blurry";
  defaults.options.steps = 28;
  return parse_prompt_line(line, defaults, "prompts.txt:1");
}

TEST(PromptLines, HaveSdScriptsFlags) {
  const PromptLine line = parse(
      "1girl, red-hair, a--b --n lowres, bad hands --w 832 --h 1216 --d 42 --l 7.5 --s 20 --ss k_euler_a "
      "--ow 1664 --oh 2432 --nw 512 --nh 640 --ct 8 --cl 0");
  EXPECT_EQ(line.prompt, "1girl, red-hair, a--b");
  EXPECT_EQ(line.negative_prompt, "lowres, bad hands");
  EXPECT_EQ(line.seeds, std::vector<uint64_t>{42});
  PictureOptions expected;
  expected.width = 832;
  expected.height = 1216;
  expected.steps = 20;
  expected.guidance_scale = 7.5;
  expected.sampler = "euler_a";
  expected.original_width = 1664;
  expected.original_height = 2432;
  expected.negative_original_width = 512;
  expected.negative_original_height = 640;
  expected.crop_top = 8;
  EXPECT_EQ(line.options, expected);
}

TEST(PromptLines, TakeTheRestFromTheDefaultsInAnyCaseAndOrder) {
  const PromptLine line = parse("a castle --D 1,2, 3 --W 512");
  EXPECT_EQ(line.negative_prompt, "blurry");
  EXPECT_EQ(line.options.steps, 28);
  EXPECT_EQ(line.options.width, 512);
  EXPECT_EQ(line.seeds, (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(parse("a castle --n").negative_prompt, "") << "none instead of the default one";
}

TEST(PromptLines, WhatDoesNotFitIsToldWithItsPlace) {
  for (const char* line : {"x --q 3",     "x --g 3.5",   "x --w 500",  "x --w 0",
                           "x --w -8",    "x --h 99999", "x --s 0",    "x --s 1001",
                           "x --s two",   "x --l nan",   "x --l inf",  "x --l -1",
                           "x --l 7,5",   "x --d -1",    "x --d 1,,2", "x --d 99999999999999999999",
                           "x --ss heun", "x -- y",      "--w 512",    "x --w"}) {
    SCOPED_TRACE(line);
    try {
      parse(line);
      ADD_FAILURE() << "no error";
    } catch (const ConfigError& error) {
      EXPECT_EQ(error.where(), "prompts.txt:1");
    }
  }
}

TEST(ReadPrompts, CountsLinesAndLeavesOutComments) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "prompts.txt";
  std::ofstream(file) << "\xEF\xBB\xBF# portraits\r\n\r\n1girl, solo --s 5\r\n  1boy  \n";
  const std::vector<PromptLine> lines = read_prompts(file);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].prompt, "1girl, solo");
  EXPECT_EQ(lines[0].options.steps, 5);
  EXPECT_EQ(lines[1].prompt, "1boy");
  std::ofstream(file) << "fine\n\nnot fine --zz 1\n";
  try {
    read_prompts(file);
    ADD_FAILURE() << "no error";
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.where(), file.string() + ":3");
    EXPECT_NE(error.hint().find("--ss"), std::string::npos) << error.hint();
  }
  std::ofstream(file) << "# nothing\n";
  EXPECT_THROW(read_prompts(file), ConfigError);
  std::ofstream(file) << "caf\xE9\n";
  EXPECT_THROW(read_prompts(file), ConfigError);
}

TEST(AppendShots, CountsSeedsUpUnlessTheyAreListed) {
  const auto seeds = [](const PromptLine& line) {
    std::vector<Shot> shots;
    append_shots(line, 7, 2, shots);
    std::vector<uint64_t> result;
    for (const Shot& shot : shots) result.push_back(shot.seed);
    return result;
  };
  EXPECT_EQ(seeds(parse("x")), (std::vector<uint64_t>{7, 8}));
  EXPECT_EQ(seeds(parse("x --d 40")), (std::vector<uint64_t>{40, 41}));
  EXPECT_EQ(seeds(parse("x --d 40,3,5")), (std::vector<uint64_t>{40, 3, 5}));
}

TEST(ParametersText, IsThatOfA1111) {
  Shot shot{"1girl, (solo:1.2)", "lowres", 41, {}};
  shot.options.width = 832;
  shot.options.height = 1216;
  shot.options.guidance_scale = 5.5;
  PictureOrigin origin;
  origin.model = "my model, v2: final";
  origin.prompt_extra = " <lora:lina:0.7>";
  origin.lora_hashes = {{"lina", "0123456789ab"}, {"style", "ba9876543210"}};
  const SchedulerOptions options;
  EXPECT_EQ(parameters_text(shot, find_sampler("dpmpp_2m_karras", options), origin),
            "1girl, (solo:1.2) <lora:lina:0.7>\nNegative prompt: lowres\n"
            "Steps: 30, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 5.5, Seed: 41, Size: 832x1216, "
            "Model: \"my model, v2: final\", Lora hashes: \"lina: 0123456789ab, style: ba9876543210\", "
            "Version: atelier");
  shot.negative_prompt = "";
  shot.options.guidance_rescale = 0.7;
  origin = {};
  origin.model = "base";
  origin.model_hash = "e3c47aedb0";
  origin.clip_skip = 1;
  EXPECT_EQ(parameters_text(shot, find_sampler("euler_a", options), origin),
            "1girl, (solo:1.2)\nSteps: 30, Sampler: Euler a, CFG scale: 5.5, Seed: 41, Size: 832x1216, "
            "Model hash: e3c47aedb0, Model: base, Clip skip: 1, Guidance rescale: 0.7, Version: atelier");
}

TEST(GridText, SaysOnceWhatIsCommonAndUnderEachWhatDiffers) {
  const SchedulerOptions options;
  std::vector<Shot> shots{{"an elf", "blurry", 1, {}}, {"an elf", "blurry", 2, {}}};
  for (Shot& shot : shots) shot.options.width = shot.options.height = 512;
  const Sampler* sampler = &find_sampler("dpmpp_2m_karras", options);
  const std::vector<const Sampler*> samplers{sampler, &find_sampler("ddim", options)};
  GridText words = grid_text(shots, std::vector{sampler, sampler}, "base");
  EXPECT_EQ(words.labels, (std::vector<std::string>{"seed 1", "seed 2"}));
  EXPECT_EQ(words.legend, "an elf | not: blurry | 512x512 | 30 steps | CFG 5 | DPM++ 2M Karras | base");
  shots[1].prompt = "a dwarf";
  shots[1].options.steps = 8;
  words = grid_text(shots, samplers, "base");
  EXPECT_EQ(words.labels[0], "an elf | seed 1 | 30 steps | DPM++ 2M Karras");
  EXPECT_EQ(words.labels[1], "a dwarf | seed 2 | 8 steps | DDIM");
  EXPECT_EQ(words.legend, "not: blurry | 512x512 | CFG 5 | base");
}

}  // namespace
}  // namespace atelier

// What training sees of captions; tests/peer/test_prompts.py compares the encoding with transformers.
#include "trainer/prompting/prompt_encoder.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "configs/base/error.h"
#include "models/clip/clip_text_model.h"
#include "models/unet/unet_2d_condition.h"
#include "tests/models/tiny_pipeline.h"
#include "tests/support/golden_tensors.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

class PromptEncoderTest : public testing::Test {
 protected:
  PromptEncoderTest() {
    write_tiny_pipeline(folder_.path(), ClipTokenizer::kVocabularySize, ClipTokenizer::kEos);
    model_ = StableDiffusionXL::from_config(folder_.path(), 3);
  }

  /// The two encoders on rows of 77 as the tokenizer gives them.
  Conditioning by_rows(std::span<const std::string> texts) const {
    const ClipTokenizer tokenizer;
    std::vector<at::Tensor> rows_1, rows_2;
    for (const std::string& text : texts) {
      const std::vector<int32_t> ids = tokenizer.encode(text);
      rows_1.push_back(at::tensor(pad_or_truncate(ids, clip_pad_id(1))).to(at::kLong));
      rows_2.push_back(at::tensor(pad_or_truncate(ids, clip_pad_id(2))).to(at::kLong));
    }
    return model_.encode(at::stack(rows_1), at::stack(rows_2));
  }

  /// Gradient of the first encoder's first layer by a loss over the whole conditioning.
  at::Tensor gradient(const Conditioning& told) {
    (told.encoder_hidden_states.sin().sum() + told.text_embeds.square().sum()).backward();
    at::Tensor result;
    model_.text_encoder->for_each_parameter([&](const std::string& name, at::Tensor& parameter) {
      if (name.ends_with("layers.0.mlp.fc1.weight")) result = parameter.grad().clone();
      parameter.mutable_grad().reset();
    });
    return result;
  }

  static std::string repeated(const std::string& word, int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += word + " ";
    return out;
  }

  TemporaryFolder folder_;
  StableDiffusionXL model_;
};

TEST_F(PromptEncoderTest, CaptionsAreReadAsPlainRowsOfSeventySevenByDefault) {
  const std::vector<std::string> captions = {"hatsune_miku_(append), [x], BREAK", "", repeated("green hair,", 40)};
  const Conditioning ours = PromptEncoder(model_, at::kCPU).encode(captions), expected = by_rows(captions);
  EXPECT_TRUE(ours.encoder_hidden_states.equal(expected.encoder_hidden_states));
  EXPECT_TRUE(ours.text_embeds.equal(expected.text_embeds));
}

TEST_F(PromptEncoderTest, EqualCaptionsShareARunAndAddUpTheirGradients) {
  model_.text_encoder->set_requires_grad(true);
  const std::vector<std::string> captions = {"a castle", "", "a castle", ""};
  const PromptEncoder encoder(model_, at::kCPU);
  EXPECT_LT(l2_error(encoder.encode(captions).encoder_hidden_states, by_rows(captions).encoder_hidden_states), 1e-6);
  EXPECT_LT(l2_error(gradient(encoder.encode(captions)), gradient(by_rows(captions))), 1e-5);
}

TEST_F(PromptEncoderTest, LongerCaptionsHaveTheSameLengthHoweverShort) {
  PromptOptions options;
  options.max_token_length = 225;
  const std::vector<std::string> captions = {"a", repeated("b", 300)};
  EXPECT_EQ(PromptEncoder(model_, at::kCPU, options).encode(captions).encoder_hidden_states.size(1), 227);
  options.token_join = "full";
  EXPECT_EQ(PromptEncoder(model_, at::kCPU, options).encode(captions).encoder_hidden_states.size(1), 231);
}

TEST_F(PromptEncoderTest, ChunksAreCountedAndBothSidesOfGuidanceGetAsMany) {
  const PromptEncoder encoder(model_, at::kCPU, web_ui_prompt_options());
  EXPECT_EQ(encoder.chunk_count(""), 1);
  EXPECT_EQ(encoder.chunk_count("a BREAK b"), 2);
  EXPECT_EQ(encoder.chunk_count(repeated("a", 76)), 2);
  const std::vector<std::string> prompt = {"a"}, negative = {repeated("b", 160)};
  const GuidedConditioning told = encoder.encode(prompt, negative);
  EXPECT_EQ(told.positive.encoder_hidden_states.sizes(), told.negative.encoder_hidden_states.sizes());
  EXPECT_EQ(told.positive.encoder_hidden_states.size(1), 3 * 77);
}

TEST_F(PromptEncoderTest, AModelTrainedFromNothingReadsAnEmptyNegativeAsTheEmptyText) {
  const std::vector<std::string> prompt = {"a"}, empty = {""};
  const auto negative = [&](const StableDiffusionXL& model) {
    return PromptEncoder(model, at::kCPU).encode(prompt, empty).negative;
  };
  EXPECT_LT(l2_error(negative(model_).encoder_hidden_states, by_rows(empty).encoder_hidden_states), 1e-6);
  model_.save_pretrained(folder_.path() / "saved", SafeDtype::kF32);
  StableDiffusionXL loaded = StableDiffusionXL::load(folder_.path() / "saved");
  EXPECT_FALSE(loaded.force_zeros_for_empty_prompt);
  loaded.force_zeros_for_empty_prompt = true;
  EXPECT_FALSE(negative(loaded).encoder_hidden_states.any().item<bool>());
  EXPECT_FALSE(negative(loaded).text_embeds.any().item<bool>());
}

TEST_F(PromptEncoderTest, AClipSkipThatTheModelDoesNotHaveIsToldWithTheRange) {
  PromptOptions options;
  options.clip_skip = 4;
  const std::vector<std::string> caption = {"a"};
  try {
    PromptEncoder(model_, at::kCPU, options).encode(caption);
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(error.hint().find("1 to 3"), std::string::npos) << error.hint();
  }
}

}  // namespace
}  // namespace atelier

// Cached captions against the encoders themselves.
#include "trainer/cache/text_cache.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "data/caption/clip_tokenizer.h"
#include "tests/data/post/posts_fixture.h"
#include "tests/models/tiny_pipeline.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

class TextCacheTest : public testing::Test {
 protected:
  TextCacheTest() {
    write_tiny_pipeline(folder_.path() / "model", ClipTokenizer::kVocabularySize, ClipTokenizer::kEos);
    write_picture(folder_.path() / "a/1.png", 64, 64, "1girl, solo");
    write_picture(folder_.path() / "a/2.png", 64, 64, "1boy, hat");
    write_picture(folder_.path() / "a/3.png", 64, 64, "1girl, solo");
    options_.sources = {source_of(folder_.path() / "a")};
    options_.buckets = {.resolution = 64, .min_bucket_reso = 32, .max_bucket_reso = 128, .bucket_reso_steps = 16};
    options_.cache.cache_text_encoder_outputs = "disk";
    batching_.max_train_epochs = 1;
  }

  Dataset open() const { return Dataset(options_, batching_, {.seed = 5}, folder_.path() / "manifest"); }

  TemporaryFolder folder_;
  DatasetOptions options_;
  BatchingOptions batching_;
};

bool same(const at::Tensor& cached, const at::Tensor& exact) {
  return at::equal(cached, exact.to(at::kHalf).to(at::kFloat));
}

TEST_F(TextCacheTest, HoldsEachCaptionAndTheEmptyOneOnce) {
  const at::NoGradGuard no_grad;
  const StableDiffusionXL model = StableDiffusionXL::from_config(folder_.path() / "model", 3);
  const Dataset dataset = open();
  TextCache cache(folder_.path() / "cache", dataset, model, at::kCPU, {});
  const FillReport report = cache.fill();
  EXPECT_EQ(report.wanted, 3);
  EXPECT_EQ(report.present, 3);
  const std::vector<std::string> captions = {"1boy, hat", "", "1girl, solo"};
  const Conditioning cached = cache.encode(captions), exact = PromptEncoder(model, at::kCPU).encode(captions);
  EXPECT_TRUE(same(cached.encoder_hidden_states, exact.encoder_hidden_states));
  EXPECT_TRUE(same(cached.text_embeds, exact.text_embeds));
}

TEST_F(TextCacheTest, WhetherACaptionIsRoundedDoesNotDependOnItsBatch) {
  const at::NoGradGuard no_grad;
  const StableDiffusionXL model = StableDiffusionXL::from_config(folder_.path() / "model", 3);
  const Dataset dataset = open();
  TextCache cache(folder_.path() / "cache", dataset, model, at::kCPU, {});
  cache.fill();
  const std::vector<std::string> captions = {"1boy, hat", "a rare one", "1girl, solo"};
  const Conditioning mixed = cache.encode(captions);
  for (size_t i = 0; i < captions.size(); ++i) {
    const Conditioning alone = cache.encode({&captions[i], 1});
    const auto row = static_cast<int64_t>(i);
    EXPECT_TRUE(at::equal(mixed.encoder_hidden_states[row], alone.encoder_hidden_states[0])) << captions[i];
    EXPECT_TRUE(at::equal(mixed.text_embeds[row], alone.text_embeds[0])) << captions[i];
  }
  const Conditioning exact = PromptEncoder(model, at::kCPU).encode({&captions[1], 1});
  EXPECT_TRUE(at::equal(mixed.encoder_hidden_states[1], exact.encoder_hidden_states[0]));
}

}  // namespace
}  // namespace atelier

// What files say; tests/peer/test_prompts.py compares their effect with transformers.
#include "models/clip/textual_inversion.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "configs/base/error.h"
#include "models/weights/weights.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

class TextualInversionTest : public testing::Test {
 protected:
  std::filesystem::path written(const std::vector<std::pair<std::string, at::Tensor>>& tensors) {
    const std::filesystem::path path = folder_.path() / "word.safetensors";
    write_tensors(path, tensors);
    return path;
  }

  TemporaryFolder folder_;
};

TEST_F(TextualInversionTest, IsReadAsFloatsWhateverTheFileHolds) {
  const at::Tensor first = at::arange(6, at::kFloat).view({2, 3}), second = at::arange(8, at::kFloat).view({2, 4});
  const TextualInversion read =
      read_textual_inversion(written({{"clip_g", second.to(at::kBFloat16)}, {"clip_l", first.to(at::kHalf)}}));
  EXPECT_EQ(read.vectors(), 2);
  EXPECT_TRUE(read.clip_l.equal(first));
  EXPECT_TRUE(read.clip_g.equal(second));
}

TEST_F(TextualInversionTest, OneVectorMayBeFlat) {
  const TextualInversion read =
      read_textual_inversion(written({{"clip_l", at::ones({3})}, {"clip_g", at::ones({1, 4})}}));
  EXPECT_EQ(read.clip_l.sizes(), (std::vector<int64_t>{1, 3}));
}

TEST_F(TextualInversionTest, OtherFilesAreCalledByTheirName) {
  const auto summary = [](const std::filesystem::path& path) -> std::string {
    try {
      read_textual_inversion(path);
    } catch (const WeightsError& error) {
      return error.summary();
    }
    return "read";
  };
  EXPECT_NE(summary(written({{"emb_params", at::ones({2, 768})}})).find("SD 1.5"), std::string::npos);
  EXPECT_NE(summary(written({{"emb_params", at::ones({2, 1024})}})).find("SD 2"), std::string::npos);
  EXPECT_NE(summary(written({{"clip_g", at::ones({2, 4})}})).find("clip_l"), std::string::npos);
  EXPECT_NE(summary(written({{"clip_l", at::ones({1, 2, 3})}, {"clip_g", at::ones({2, 4})}})).find("[1, 2, 3]"),
            std::string::npos);
  EXPECT_NE(summary(written({{"clip_l", at::ones({0, 3})}, {"clip_g", at::ones({0, 4})}})).find("clip_l"),
            std::string::npos);
  EXPECT_NE(summary(written({{"clip_l", at::ones({2, 3})}, {"clip_g", at::ones({3, 4})}})).find("3"),
            std::string::npos);
  EXPECT_NE(summary(written({{"clip_l", at::ones({1, 3}, at::kInt)}, {"clip_g", at::ones({1, 4})}})).find("clip_l"),
            std::string::npos);
  EXPECT_NE(summary(written({{"clip_l", at::full({1, 3}, NAN)}, {"clip_g", at::ones({1, 4})}})).find("finite"),
            std::string::npos);
  EXPECT_NE(summary(folder_.path() / "word.pt").find("pickle"), std::string::npos);
}

}  // namespace
}  // namespace atelier

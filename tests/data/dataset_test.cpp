// The whole: manifest, selection and plan of one set of options.
#include "data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "configs/base/error.h"
#include "tests/data/post/posts_fixture.h"

namespace atelier {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

class DatasetTest : public testing::Test {
 protected:
  DatasetTest() {
    write_picture(folder_.path() / "a/1.png", 64, 64, "1girl, solo, hat");
    write_picture(folder_.path() / "a/2.png", 64, 96, "1boy, solo");
    write_picture(folder_.path() / "b/3.png", 96, 64, "1girl, 1boy");
    write_picture(folder_.path() / "b/4.png", 20, 20, "no_humans");
    options_.sources = {source_of(folder_.path() / "a"), source_of(folder_.path() / "b")};
    options_.sources[1].repeats = 3;
    options_.select.min_side = 32;
    options_.buckets = {.resolution = 64, .min_bucket_reso = 32, .max_bucket_reso = 128, .bucket_reso_steps = 16};
    batching_.max_train_epochs = 1;
  }

  Dataset open() const { return Dataset(options_, batching_, {.seed = 5}, folder_.path() / "manifest"); }

  TemporaryFolder folder_;
  DatasetOptions options_;
  BatchingOptions batching_;
};

TEST_F(DatasetTest, OnlySelectedPicturesArePlannedWithTheirClassAndSource) {
  const Dataset dataset = open();
  EXPECT_EQ(dataset.manifest().size(), 4);
  EXPECT_THAT(dataset.selection().rows, ElementsAre(0, 1, 2));
  const PlanInput input = plan_input(dataset.manifest(), dataset.selection(), options_);
  ASSERT_EQ(input.size(), 3);
  EXPECT_EQ(input.heights[1], 96);
  const PlanInput::Marginal& division = input.marginals.at(0);
  EXPECT_EQ(division.by, "person_class");
  EXPECT_EQ(division.classes[division.class_of_row[1]], "boy_only");
  EXPECT_EQ(division.classes[division.class_of_row[2]], "mixed");
  EXPECT_THAT(input.source_of_row, ElementsAre(0, 0, 1));
  EXPECT_EQ(input.sources[1].repeats, 3);
  EXPECT_THAT(dataset.plan().uses(), ElementsAre(1, 1, 3));
}

TEST_F(DatasetTest, TheHashFollowsWhatIsSeenAndNothingElse) {
  const std::string hash = open().hash();
  EXPECT_EQ(open().hash(), hash);
  options_.loader.prefetch_steps += 1;
  options_.select.max_bad_samples = std::nullopt;
  batching_.max_train_epochs = 7;
  EXPECT_EQ(open().hash(), hash);

  std::vector<std::string> others;
  const auto with = [&](auto change) {
    const DatasetOptions before = options_;
    change(options_);
    others.push_back(open().hash());
    options_ = before;
  };
  with([](DatasetOptions& o) { o.sources[1].repeats = 2; });
  with([](DatasetOptions& o) { o.select.min_side = 8; });
  with([](DatasetOptions& o) { o.buckets.resolution = 80; });
  with([](DatasetOptions& o) { o.balance.target = {{"girl_only", 0.5}}; });
  with([](DatasetOptions& o) { o.captions.shuffle_caption = !o.captions.shuffle_caption; });
  EXPECT_THAT(others, Each(testing::Ne(hash)));
  std::ranges::sort(others);
  EXPECT_EQ(std::ranges::adjacent_find(others), others.end());

  write_text(folder_.path() / "a/1.txt", "1girl, hat");
  EXPECT_NE(open().hash(), hash);
}

TEST_F(DatasetTest, TheHashFollowsHowPicturesAreRead) {
  std::vector<std::string> hashes = {open().hash()};
  const auto with = [&](auto change) {
    const DatasetOptions before = options_;
    change(options_);
    hashes.push_back(open().hash());
    options_ = before;
  };
  with([](DatasetOptions& o) { o.loader.flip_aug = true; });
  with([](DatasetOptions& o) { o.sources[0].flip_aug = true; });
  with([](DatasetOptions& o) { o.loader.random_crop = true; });
  with([](DatasetOptions& o) { o.loader.alpha_mask = true; });
  with([](DatasetOptions& o) { o.loader.prior_loss_weight = 0.5; });
  with([](DatasetOptions& o) { o.sources[0].class_tokens = "a girl"; });
  std::ranges::sort(hashes);
  EXPECT_EQ(std::ranges::adjacent_find(hashes), hashes.end());

  const std::string hash = open().hash();
  for (SourceOptions& source : options_.sources) source.flip_aug = false;
  options_.loader.flip_aug = true;  // and nobody follows
  EXPECT_EQ(open().hash(), hash);
}

TEST_F(DatasetTest, TheHashFollowsTheContentOfFilesAndNotTheirPlace) {
  const auto with_words = [&](const std::string& name, const std::string& content) {
    write_text(folder_.path() / name, content);
    options_.captions.paraphrase.dictionary = folder_.path() / name;
    return open().hash();
  };
  const std::string hash = with_words("words.tsv", "hat\tcap\n");
  EXPECT_EQ(with_words("other.tsv", "hat\tcap\n"), hash);
  EXPECT_NE(with_words("words.tsv", "hat\thood\n"), hash);

  options_.captions.paraphrase.dictionary.reset();
  const std::string all = open().hash();
  write_text(folder_.path() / "none.txt", "# nothing\n");
  options_.select.opt_out.posts = folder_.path() / "none.txt";
  EXPECT_EQ(open().hash(), all);
  write_text(folder_.path() / "none.txt", "2.png\n");
  EXPECT_NE(open().hash(), all);
}

TEST_F(DatasetTest, MistakesAreToldBeforeAnythingIsScanned) {
  const auto fails_at = [&](auto change, const std::string& where) {
    const DatasetOptions before = options_;
    change(options_);
    try {
      open();
      ADD_FAILURE() << where;
    } catch (const ConfigError& error) {
      EXPECT_EQ(error.where(), where);
    }
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "manifest")) << where;
    options_ = before;
  };
  fails_at([](DatasetOptions& o) { o.captions.tag_groups = {"people"}; }, "dataset.captions.tag_groups");
  fails_at([](DatasetOptions& o) { o.sources[1].captions.emplace().tag_groups = {"people"}; },
           "dataset.sources[1].captions.tag_groups");
  fails_at([](DatasetOptions& o) { o.sources[1].mask_dir = "/nowhere"; }, "dataset.sources[1].mask_dir");
  fails_at([](DatasetOptions& o) { o.loader.alpha_background = "white"; }, "dataset.loader.alpha_background");
  fails_at([](DatasetOptions& o) { o.buckets.bucket_reso_steps = 20; }, "dataset.buckets.bucket_reso_steps");
}

// girl_only has one of three pictures and is to have 0.6: weights 0.6 x 3 = 1.8, and 0.6 for both others.
TEST_F(DatasetTest, BalanceAsLossWeights) {
  options_.sources[1].repeats = 1;
  EXPECT_EQ(open().loss_weight(0), 1);
  options_.balance.target = {{"girl_only", 0.6}};
  EXPECT_EQ(open().loss_weight(0), 1);
  options_.balance.apply = "loss_weight";
  const Dataset dataset = open();
  EXPECT_THAT(dataset.plan().uses(), ElementsAre(1, 1, 1));
  EXPECT_NEAR(dataset.loss_weight(0), 1.8, 1e-6);
  EXPECT_NEAR(dataset.loss_weight(1), 0.6, 1e-6);
  EXPECT_NEAR(dataset.loss_weight(2), 0.6, 1e-6);
}

TEST_F(DatasetTest, AStageBeginsWithItsEpoch) {
  const Dataset dataset(options_, batching_, {.seed = 5, .first_epoch = 4}, folder_.path() / "manifest");
  EXPECT_EQ(dataset.plan().step(1).front().samples.front().epoch, 4);
}

TEST_F(DatasetTest, NothingUsableIsSaidWithTheReasons) {
  options_.select.min_side = 65;
  options_.select.tags = "!hat | solo";
  try {
    open();
    FAIL() << "opened";
  } catch (const DataError& error) {
    EXPECT_THAT(error.summary(), HasSubstr("4 posts and pictures found, min_side 4"));
  }
}

TEST_F(DatasetTest, WrongSourcesAndSidesAreTheUsersError) {
  const DatasetOptions before = options_;
  options_.sources[0].path = (folder_.path() / "nowhere").string();
  EXPECT_THROW(open(), ConfigError);
  options_ = before;
  options_.sources.clear();
  EXPECT_THROW(open(), ConfigError);
  options_ = before;
  options_.buckets.bucket_reso_steps = 12;  // no multiple of what the model divides sides by
  EXPECT_THROW(open(), ConfigError);
  options_ = before;
  options_.loader.alpha_background = "red";
  EXPECT_THROW(open(), ConfigError);
}

}  // namespace
}  // namespace atelier

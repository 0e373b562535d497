// How a source's own choices and the dataset's go together.
#include "data/loader/picture_reader.h"

#include <gtest/gtest.h>

#include "data/dataset.h"
#include "data/loader/batch_loader.h"
#include "tests/data/post/posts_fixture.h"

namespace atelier {
namespace {

/// Two sources of one picture each, of twice the width of its bucket.
class PictureReaderTest : public testing::Test {
 protected:
  PictureReaderTest() {
    for (const char* name : {"a", "b"}) {
      write_picture(folder_.path() / name / "1.png", 128, 64, "1girl");
      options_.sources.push_back(source_of(folder_.path() / name));
    }
    options_.buckets = {.resolution = 64, .enable_bucket = false};
    batching_.max_train_epochs = 1;
  }

  Dataset open() const { return Dataset(options_, batching_, {.seed = 5}, folder_.path() / "manifest"); }

  struct Seen {
    int mirrored = 0, moved = 0;
    bool operator==(const Seen&) const = default;
  };
  /// Of 64 uses of a row: how many are mirrored, how many are not cut in the middle.
  static Seen uses_of(const PictureReader& reader, int64_t row) {
    Seen seen;
    for (int64_t epoch = 0; epoch < 64; ++epoch) {
      const Placement placement = reader.placement({row, epoch, 0}, 64, 64);
      seen.mirrored += placement.flipped;
      seen.moved += placement.crop_left != 32;
    }
    return seen;
  }

  TemporaryFolder folder_;
  DatasetOptions options_;
  BatchingOptions batching_;
};

TEST_F(PictureReaderTest, ASourceSwitchesOnForItself) {
  options_.sources[1].flip_aug = options_.sources[1].random_crop = options_.sources[1].alpha_mask = true;
  const Dataset dataset = open();
  const PictureReader reader(dataset);
  EXPECT_TRUE(reader.has_masks());
  EXPECT_EQ(uses_of(reader, 0), (Seen{0, 0}));
  EXPECT_GT(uses_of(reader, 1).mirrored, 16);
  EXPECT_LT(uses_of(reader, 1).mirrored, 48);
  EXPECT_GT(uses_of(reader, 1).moved, 48);
}

TEST_F(PictureReaderTest, ASourceSwitchesOffForItself) {
  options_.loader.flip_aug = options_.loader.random_crop = true;
  options_.sources[0].flip_aug = options_.sources[0].random_crop = false;
  const Dataset dataset = open();
  const PictureReader reader(dataset);
  EXPECT_EQ(uses_of(reader, 0), (Seen{0, 0}));
  EXPECT_GT(uses_of(reader, 1).mirrored, 16);
  EXPECT_GT(uses_of(reader, 1).moved, 48);
}

TEST_F(PictureReaderTest, MasksAreOffWhereAllSourcesSaySo) {
  options_.loader.alpha_mask = true;
  EXPECT_TRUE(PictureReader(open()).has_masks());
  for (SourceOptions& source : options_.sources) source.alpha_mask = false;
  EXPECT_FALSE(PictureReader(open()).has_masks());
}

// A mask_dir of other names must not go unseen: nine pictures are told of once, ten twice.
TEST_F(PictureReaderTest, MissingMasksAreToldAtTheFirstAndTheTenth) {
  const auto golden = std::filesystem::path(ATELIER_TEST_DATA) / "images/rgb.png";
  const TemporaryFolder masks, pictures;
  const auto warnings = [&](int number) {
    for (int i = 0; i < number; ++i) {
      std::filesystem::copy_file(golden, pictures.path() / (std::to_string(i) + ".png"),
                                 std::filesystem::copy_options::skip_existing);
    }
    options_.sources = {source_of(pictures.path())};
    options_.sources[0].mask_dir = masks.path();
    const Dataset dataset = open();
    testing::internal::CaptureStderr();
    BatchLoader loader(dataset, batching_, 0, 1, 1);
    while (loader.next()) {
    }
    const std::string told = testing::internal::GetCapturedStderr();
    int count = 0;
    for (size_t at = told.find("no mask for"); at != told.npos; at = told.find("no mask for", at + 1)) ++count;
    EXPECT_EQ(loader.samples_without_mask(), number);
    EXPECT_EQ(told.find("10 so far") != told.npos, number >= 10) << told;
    return count;
  };
  EXPECT_EQ(warnings(9), 1);
  EXPECT_EQ(warnings(11), 2);
}

}  // namespace
}  // namespace atelier

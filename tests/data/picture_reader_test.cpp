// How a source's own choices and the dataset's go together.
#include "data/loader/picture_reader.h"

#include <gtest/gtest.h>

#include "data/dataset.h"
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

}  // namespace
}  // namespace atelier

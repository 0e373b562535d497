#include "data/loader/batch_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "configs/base/error.h"
#include "configs/base/log.h"
#include "data/dataset.h"
#include "data/image/decode.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// A folder of pictures of several shapes with captions, and the options of a small run over it.
class LoaderTest : public testing::Test {
 protected:
  LoaderTest() {
    set_log_level(LogLevel::kError);
    for (int copy = 0; copy < 3; ++copy) {
      add("large.png", "large" + std::to_string(copy) + ".png");  // 256 x 192
      add("huge.jpg", "huge" + std::to_string(copy) + ".jpg");    // 640 x 480
      add("exif5.jpg", "tall" + std::to_string(copy) + ".jpg");   // 16 x 24
      add("cmyk.jpg", "square" + std::to_string(copy) + ".jpg");  // 32 x 32
    }
    options_.sources.emplace_back().path = pictures_.path();
    options_.buckets = {.resolution = 64, .min_bucket_reso = 32, .max_bucket_reso = 96, .bucket_reso_steps = 16};
    options_.captions.shuffle_caption = true;
    batching_.train_batch_size = 2;
    batching_.max_train_epochs = 2;
  }
  ~LoaderTest() override { set_log_level(LogLevel::kInfo); }

  void add(const std::string& golden, const std::string& name) {
    fs::copy_file(fs::path(ATELIER_TEST_DATA) / "images" / golden, pictures_.path() / name);
    std::ofstream((pictures_.path() / name).replace_extension(".txt")) << "1girl, " << name << ", hat, sword, river";
  }

  Dataset dataset(int64_t world_size = 1) {
    return Dataset(options_, batching_, {.seed = 7, .world_size = world_size, .side_divisor = 8},
                   manifest_.path() / "m");
  }

  std::vector<LoadedStep> all_steps(const Dataset& data, int64_t rank = 0, int64_t world_size = 1, int64_t first = 1) {
    BatchLoader loader(data, batching_, rank, world_size, first);
    std::vector<LoadedStep> steps;
    while (auto step = loader.next()) steps.push_back(std::move(*step));
    return steps;
  }

  TemporaryFolder pictures_, manifest_;
  DatasetOptions options_;
  BatchingOptions batching_;
};

void expect_equal(const LoadedStep& a, const LoadedStep& b) {
  ASSERT_EQ(a.step, b.step);
  ASSERT_EQ(a.epoch, b.epoch);
  ASSERT_EQ(a.global_samples, b.global_samples);
  ASSERT_EQ(a.micro_batches.size(), b.micro_batches.size());
  for (size_t i = 0; i < a.micro_batches.size(); ++i) {
    const LoadedBatch &left = a.micro_batches[i], &right = b.micro_batches[i];
    ASSERT_EQ(left.pixels, right.pixels);
    ASSERT_EQ(left.masks, right.masks);
    ASSERT_EQ(left.samples.size(), right.samples.size());
    for (size_t s = 0; s < left.samples.size(); ++s) {
      ASSERT_EQ(left.samples[s].id, right.samples[s].id);
      ASSERT_EQ(left.samples[s].caption, right.samples[s].caption);
      ASSERT_EQ(left.samples[s].weight, right.samples[s].weight);
      ASSERT_EQ(left.samples[s].flipped, right.samples[s].flipped);
      ASSERT_EQ(left.samples[s].crop_left, right.samples[s].crop_left);
      ASSERT_EQ(left.samples[s].crop_top, right.samples[s].crop_top);
    }
  }
}

TEST_F(LoaderTest, GivesThePlansSamplesInItsOrder) {
  const Dataset data = dataset();
  const std::vector<LoadedStep> steps = all_steps(data);
  ASSERT_EQ(std::ssize(steps), data.plan().total_steps());
  std::map<std::string, int> uses;
  for (const LoadedStep& step : steps) {
    const std::vector<GlobalBatch> planned = data.plan().step(step.step);
    ASSERT_EQ(planned.size(), 1u);
    ASSERT_EQ(step.micro_batches.size(), 1u);
    const LoadedBatch& batch = step.micro_batches[0];
    EXPECT_EQ(step.global_samples, std::ssize(planned[0].samples));
    EXPECT_EQ(batch.width, planned[0].width);
    EXPECT_EQ(batch.height, planned[0].height);
    EXPECT_EQ(std::ssize(batch.pixels), std::ssize(batch.samples) * 3 * batch.width * batch.height);
    for (size_t i = 0; i < planned[0].samples.size(); ++i) {
      EXPECT_EQ(batch.samples[i].row, planned[0].samples[i].row);
      EXPECT_EQ(batch.samples[i].epoch, planned[0].samples[i].epoch);
      EXPECT_EQ(batch.samples[i].weight, 1);
      ++uses[batch.samples[i].id];
    }
  }
  EXPECT_EQ(uses.size(), 12u);
  for (const auto& [id, count] : uses) EXPECT_EQ(count, 2) << id;
}

TEST_F(LoaderTest, NumberOfThreadsChangesNothing) {
  options_.loader.max_data_loader_n_workers = 1;
  options_.loader.prefetch_steps = 0;
  const std::vector<LoadedStep> alone = all_steps(dataset());
  options_.loader.max_data_loader_n_workers = 7;
  options_.loader.prefetch_steps = 5;
  const std::vector<LoadedStep> together = all_steps(dataset());
  ASSERT_EQ(alone.size(), together.size());
  for (size_t i = 0; i < alone.size(); ++i) expect_equal(alone[i], together[i]);
}

TEST_F(LoaderTest, NumberOfThreadsChangesNoFlipCropOrMask) {
  options_.loader.flip_aug = options_.loader.random_crop = options_.loader.alpha_mask = true;
  options_.loader.max_data_loader_n_workers = 1;
  options_.loader.prefetch_steps = 0;
  const std::vector<LoadedStep> alone = all_steps(dataset());
  options_.loader.max_data_loader_n_workers = 6;
  options_.loader.prefetch_steps = 4;
  const std::vector<LoadedStep> together = all_steps(dataset());
  ASSERT_EQ(alone.size(), together.size());
  for (size_t i = 0; i < alone.size(); ++i) expect_equal(alone[i], together[i]);
}

TEST_F(LoaderTest, ATinyMemoryBoundStillGivesEveryStep) {
  options_.loader.max_memory_gb = 1e-9;
  EXPECT_EQ(std::ssize(all_steps(dataset())), dataset().plan().total_steps());
}

TEST_F(LoaderTest, StartsAtAnyStep) {
  const Dataset data = dataset();
  const std::vector<LoadedStep> whole = all_steps(data);
  const std::vector<LoadedStep> rest = all_steps(data, 0, 1, 5);
  ASSERT_EQ(rest.size(), whole.size() - 4);
  for (size_t i = 0; i < rest.size(); ++i) expect_equal(rest[i], whole[i + 4]);
}

TEST_F(LoaderTest, PixelsAndConditionsAreThoseOfTheCropTaken) {
  const Dataset data = dataset();
  std::set<std::string> kinds;
  for (const LoadedStep& step : all_steps(data)) {
    for (const LoadedBatch& batch : step.micro_batches) {
      for (size_t i = 0; i < batch.samples.size(); ++i) {
        const LoadedSample& sample = batch.samples[i];
        if (!sample.id.starts_with("large")) continue;  // 256 x 192 px
        kinds.insert(sample.id);
        EXPECT_EQ(sample.original_width, 256);
        EXPECT_EQ(sample.original_height, 192);
        // Buckets are 96 x 32, 80 x 48, 64 x 64 ...: 1 is nearest to 4/3; 85 x 64 covers it.
        ASSERT_EQ(batch.width, 64);
        ASSERT_EQ(batch.height, 64);
        EXPECT_EQ(sample.crop_top, 0);
        EXPECT_EQ(sample.crop_left, 10);
        const Picture picture = decode_image(pictures_.path() / sample.id, {}, Placement{85, 64, 10, 0, 64, 64});
        const auto from = batch.pixels.begin() + static_cast<std::ptrdiff_t>(i * picture.rgb.size());
        EXPECT_TRUE(std::equal(picture.rgb.begin(), picture.rgb.end(), from));
      }
    }
  }
  EXPECT_EQ(kinds.size(), 3u);
}

TEST_F(LoaderTest, TheCropIsCutFromTheCentre) {
  options_.buckets.enable_bucket = false;  // all pictures to 64 x 64
  for (const LoadedStep& step : all_steps(dataset())) {
    for (const LoadedSample& sample : step.micro_batches[0].samples) {
      if (sample.id.starts_with("tall")) {  // 16 x 24 -> 64 x 96
        EXPECT_EQ(sample.crop_top, 16);
        EXPECT_EQ(sample.crop_left, 0);
        EXPECT_EQ(sample.original_width, 16) << "upright";
        EXPECT_EQ(sample.original_height, 24);
      } else if (sample.id.starts_with("huge")) {  // 640 x 480 -> 85 x 64
        EXPECT_EQ(sample.crop_top, 0);
        EXPECT_EQ(sample.crop_left, 10);
      }
    }
  }
}

TEST_F(LoaderTest, RanksShareEveryStep) {
  batching_.global_batch_size = 6;
  const Dataset data = dataset(2);
  const std::vector<LoadedStep> first = all_steps(data, 0, 2), second = all_steps(data, 1, 2);
  ASSERT_EQ(first.size(), second.size());
  std::map<std::string, double> uses;
  for (size_t i = 0; i < first.size(); ++i) {
    ASSERT_EQ(first[i].micro_batches.size(), second[i].micro_batches.size());
    double weights = 0;
    for (const LoadedStep* step : {&first[i], &second[i]}) {
      for (const LoadedBatch& batch : step->micro_batches) {
        EXPECT_LE(batch.samples.size(), 2u);
        for (const LoadedSample& sample : batch.samples) {
          weights += sample.weight, uses[sample.id] += sample.weight;
          EXPECT_EQ(sample.counts, sample.weight > 0) << "padding does not count";
        }
      }
    }
    EXPECT_EQ(weights, static_cast<double>(first[i].global_samples));
  }
  EXPECT_EQ(uses.size(), 12u);
  for (const auto& [id, weight] : uses) EXPECT_EQ(weight, 2) << id;
}

TEST_F(LoaderTest, CaptionsAreNewEveryEpoch) {
  std::map<std::string, std::set<std::string>> captions;
  for (const LoadedStep& step : all_steps(dataset())) {
    for (const LoadedSample& sample : step.micro_batches[0].samples) captions[sample.id].insert(sample.caption);
  }
  int differing = 0;
  for (const auto& [id, different] : captions) {
    for (const std::string& caption : different) EXPECT_THAT(caption, testing::HasSubstr(id));
    differing += different.size() == 2;
  }
  EXPECT_GE(differing, 9) << "of 12, each the same with chance 1 in 120";
}

/// Cuts the picture after the manifest was built from it, or the scan would have set it aside.
void damage(const fs::path& path) { fs::resize_file(path, fs::file_size(path) / 2); }

TEST_F(LoaderTest, ABadPictureHasWeightZeroAndIsCountedOnce) {
  const Dataset data = dataset();
  damage(pictures_.path() / "huge1.jpg");
  BatchLoader loader(data, batching_, 0, 1, 1);
  int zero = 0;
  while (const auto step = loader.next()) {
    for (const LoadedBatch& batch : step->micro_batches) {
      const size_t bytes = batch.pixels.size() / batch.samples.size();
      for (size_t i = 0; i < batch.samples.size(); ++i) {
        EXPECT_EQ(batch.samples[i].weight, batch.samples[i].id == "huge1.jpg" ? 0 : 1);
        EXPECT_EQ(batch.samples[i].counts, batch.samples[i].id != "huge1.jpg");
        if (batch.samples[i].weight != 0) continue;
        ++zero;
        const auto from = batch.pixels.begin() + static_cast<std::ptrdiff_t>(i * bytes);
        EXPECT_EQ(std::count(from, from + static_cast<std::ptrdiff_t>(bytes), 0), static_cast<std::ptrdiff_t>(bytes));
      }
    }
  }
  EXPECT_EQ(zero, 2) << "once an epoch";
  EXPECT_EQ(loader.bad_samples(), 1);
}

TEST_F(LoaderTest, APictureThatChangedItsSizeIsBad) {
  const Dataset data = dataset();
  fs::copy_file(pictures_.path() / "square0.jpg", pictures_.path() / "huge0.jpg", fs::copy_options::overwrite_existing);
  BatchLoader loader(data, batching_, 0, 1, 1);
  while (loader.next()) {
  }
  EXPECT_EQ(loader.bad_samples(), 1);
}

TEST_F(LoaderTest, TooManyBadPicturesEndTheRun) {
  options_.loader.max_bad_samples = 1;
  const Dataset data = dataset();
  damage(pictures_.path() / "huge1.jpg");
  damage(pictures_.path() / "large2.png");
  BatchLoader loader(data, batching_, 0, 1, 1);
  const auto run = [&] {
    while (loader.next()) {
    }
  };
  EXPECT_THAT(run, testing::Throws<DataError>(testing::Property(&Error::summary, testing::HasSubstr("more than 1"))));
}

TEST_F(LoaderTest, StopsWhileItIsReading) {
  options_.loader.prefetch_steps = 100;
  options_.loader.max_data_loader_n_workers = 3;
  batching_.max_train_epochs = 200;
  const Dataset data = dataset();
  for (int i = 0; i < 10; ++i) {
    BatchLoader loader(data, batching_, 0, 1, 1);
    if (i % 2 == 1) {
      ASSERT_TRUE(loader.next().has_value());
    }
  }
}

/// The i-th sample's part of a batch's pixels or masks.
std::vector<uint8_t> part(const std::vector<uint8_t>& bytes, const LoadedBatch& batch, size_t i) {
  const auto each = static_cast<std::ptrdiff_t>(bytes.size() / batch.samples.size());
  const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(i) * each;
  return {begin, begin + each};
}

std::vector<uint8_t> red_of(const std::vector<uint8_t>& rgb) {
  std::vector<uint8_t> red;
  for (size_t i = 0; i < rgb.size(); i += 3) red.push_back(rgb[i]);
  return red;
}

/// Left and right exchanged; `channels` bytes a pixel.
std::vector<uint8_t> mirrored(const std::vector<uint8_t>& pixels, int32_t width, size_t channels) {
  std::vector<uint8_t> out;
  const size_t line = static_cast<size_t>(width) * channels;
  for (size_t begin = 0; begin < pixels.size(); begin += line) {
    for (size_t x = static_cast<size_t>(width); x-- > 0;) {
      for (size_t c = 0; c < channels; ++c) out.push_back(pixels[begin + x * channels + c]);
    }
  }
  return out;
}

TEST_F(LoaderTest, AFlipIsACoinOfEachSample) {
  options_.loader.flip_aug = true;
  batching_.max_train_epochs = 20;
  int flipped = 0, all = 0;
  std::map<std::string, std::set<bool>> sides;
  for (const LoadedStep& step : all_steps(dataset())) {
    const LoadedBatch& batch = step.micro_batches[0];
    for (size_t i = 0; i < batch.samples.size(); ++i) {
      const LoadedSample& sample = batch.samples[i];
      ++all;
      flipped += sample.flipped;
      sides[sample.id].insert(sample.flipped);
      if (!sample.id.starts_with("large")) continue;
      EXPECT_EQ(sample.crop_left, sample.flipped ? 11 : 10) << "of 85 px, 64 kept: 10 cut at the left, 11 at the right";
      const Placement centre{85, 64, 10, 0, 64, 64};
      const std::vector<uint8_t> plain = decode_image(pictures_.path() / sample.id, {}, centre).rgb;
      EXPECT_EQ(part(batch.pixels, batch, i), sample.flipped ? mirrored(plain, 64, 3) : plain);
    }
  }
  EXPECT_NEAR(flipped, all / 2.0, 3 * std::sqrt(all / 4.0));
  for (const auto& [id, seen] : sides) EXPECT_EQ(seen.size(), 2u) << id;
}

TEST_F(LoaderTest, ARandomCropIsTheOneRecorded) {
  options_.loader.random_crop = true;
  options_.buckets.enable_bucket = false;
  batching_.max_train_epochs = 8;
  std::set<int32_t> lefts, tops;
  for (const LoadedStep& step : all_steps(dataset())) {
    const LoadedBatch& batch = step.micro_batches[0];
    for (size_t i = 0; i < batch.samples.size(); ++i) {
      const LoadedSample& sample = batch.samples[i];
      if (sample.id.starts_with("tall")) tops.insert(sample.crop_top);
      if (!sample.id.starts_with("large")) continue;
      lefts.insert(sample.crop_left);
      ASSERT_LE(sample.crop_left, 85 - 64);
      const Placement placement{85, 64, sample.crop_left, 0, 64, 64};
      EXPECT_EQ(part(batch.pixels, batch, i), decode_image(pictures_.path() / sample.id, {}, placement).rgb);
    }
  }
  EXPECT_GT(lefts.size(), 8u) << "of 24 draws among 22";
  EXPECT_GT(tops.size(), 8u);
}

TEST_F(LoaderTest, AMaskIsCutAndMirroredWithItsPicture) {
  const TemporaryFolder masks;
  for (int copy = 0; copy < 3; ++copy) {  // 40 x 30, as 256 x 192
    const std::string name = "large" + std::to_string(copy) + ".png";
    fs::copy_file(fs::path(ATELIER_TEST_DATA) / "images/grey.png", masks.path() / name);
  }
  options_.sources[0].mask_dir = masks.path();
  options_.loader.flip_aug = true;
  const Dataset data = dataset();
  BatchLoader loader(data, batching_, 0, 1, 1);
  const std::vector<uint8_t> mask =
      red_of(decode_image(masks.path() / "large0.png", {}, Placement{85, 64, 10, 0, 64, 64}).rgb);
  int masked = 0;
  while (const auto step = loader.next()) {
    const LoadedBatch& batch = step->micro_batches[0];
    for (size_t i = 0; i < batch.samples.size(); ++i) {
      const LoadedSample& sample = batch.samples[i];
      const std::vector<uint8_t> own = part(batch.masks, batch, i);
      if (sample.id.starts_with("large")) {
        ++masked;
        EXPECT_EQ(own, sample.flipped ? mirrored(mask, 64, 1) : mask);
      } else {
        EXPECT_EQ(std::ranges::count(own, 255), std::ssize(own)) << "no mask: counts fully";
      }
    }
  }
  EXPECT_EQ(masked, 6);
  EXPECT_EQ(loader.samples_without_mask(), 9);
}

TEST_F(LoaderTest, AMaskOfAnotherShapeMakesThePictureBad) {
  const TemporaryFolder masks;
  fs::copy_file(fs::path(ATELIER_TEST_DATA) / "images/exif1.png", masks.path() / "large0.png");  // 24 x 16
  options_.sources[0].mask_dir = masks.path();
  const Dataset data = dataset();
  BatchLoader loader(data, batching_, 0, 1, 1);
  while (loader.next()) {
  }
  EXPECT_EQ(loader.bad_samples(), 1);
}

TEST_F(LoaderTest, TheAlphaChannelIsTheMask) {
  add("rgba.png", "clear.png");  // 40 x 30, alpha rises from 0 at the left to 255
  options_.loader.alpha_mask = true;
  for (const LoadedStep& step : all_steps(dataset())) {
    const LoadedBatch& batch = step.micro_batches[0];
    for (size_t i = 0; i < batch.samples.size(); ++i) {
      const std::vector<uint8_t> mask = part(batch.masks, batch, i);
      if (batch.samples[i].id != "clear.png") {
        EXPECT_EQ(std::ranges::count(mask, 255), std::ssize(mask)) << batch.samples[i].id;
        continue;
      }
      ASSERT_EQ(batch.width, 64);
      EXPECT_NEAR(mask[0], 255.0 * (10.5 / 85 * 40 - 0.5) / 39, 3);
      EXPECT_NEAR(mask[63], 255.0 * (73.5 / 85 * 40 - 0.5) / 39, 3);
    }
  }
}

TEST_F(LoaderTest, NoMasksNoBytes) {
  for (const LoadedStep& step : all_steps(dataset())) EXPECT_TRUE(step.micro_batches[0].masks.empty());
}

TEST_F(LoaderTest, RegularisationPicturesWeighTheirPrior) {
  const TemporaryFolder others;
  fs::copy_file(fs::path(ATELIER_TEST_DATA) / "images/large.png", others.path() / "class.png");
  SourceOptions& source = options_.sources.emplace_back();
  source.path = others.path();
  source.is_reg = true;
  source.class_tokens = "girl";
  options_.loader.prior_loss_weight = 0.25;
  int regular = 0;
  for (const LoadedStep& step : all_steps(dataset())) {
    for (const LoadedSample& sample : step.micro_batches[0].samples) {
      EXPECT_EQ(sample.is_reg, sample.id.ends_with("class.png"));
      EXPECT_EQ(sample.weight, sample.is_reg ? 0.25f : 1.0f);
      EXPECT_TRUE(sample.counts);
      regular += sample.is_reg;
    }
  }
  EXPECT_GE(regular, 2);
}

TEST_F(LoaderTest, WhatTheTrainerHasIsNotRead) {
  const Dataset data = dataset();
  damage(pictures_.path() / "huge1.jpg");
  const auto is_huge = [](const LoadedSample& sample, int32_t width, int32_t height) {
    EXPECT_EQ(width % 16 + height % 16, 0);
    return sample.id.starts_with("huge");
  };
  BatchLoader loader(data, batching_, 0, 1, 1, is_huge);
  while (const auto step = loader.next()) {
    const LoadedBatch& batch = step->micro_batches[0];
    const bool all = std::ranges::all_of(batch.samples, &LoadedSample::is_cached);
    EXPECT_EQ(batch.pixels.empty(), all);
    for (size_t i = 0; i < batch.samples.size(); ++i) {
      EXPECT_EQ(batch.samples[i].is_cached, batch.samples[i].id.starts_with("huge"));
      EXPECT_EQ(batch.samples[i].weight, 1);
      EXPECT_FALSE(batch.samples[i].caption.empty());
      if (all || !batch.samples[i].is_cached) continue;
      const std::vector<uint8_t> pixels = part(batch.pixels, batch, i);
      EXPECT_EQ(std::ranges::count(pixels, 0), std::ssize(pixels));
    }
  }
  EXPECT_EQ(loader.bad_samples(), 0);
}

}  // namespace
}  // namespace atelier

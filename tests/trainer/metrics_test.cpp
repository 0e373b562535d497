#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "tests/support/temporary_folder.h"
#include "trainer/metrics/metric_log.h"
#include "trainer/output_folder.h"

namespace atelier {
namespace {

StepMetrics step(int64_t number, double loss) {
  StepMetrics metrics;
  metrics.step = number;
  metrics.loss = loss;
  metrics.loss_by_timestep = {0.5, std::nullopt};
  metrics.learning_rates = {{"unet", 1e-4}};
  return metrics;
}

TEST(MetricLog, CutsBackToTheCheckpointAndDropsAHalfLine) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "metrics.jsonl";
  {
    MetricLog log(path, 0);
    for (int i = 1; i <= 4; ++i) log.write(step(i, 1.0 / i));
  }
  std::ofstream(path, std::ios::app) << "{\"step\":5,\"lo";
  MetricLog log(path, 2);
  log.write(step(3, 0.125));
  std::istringstream lines(read_file(path));
  std::vector<nlohmann::json> read;
  for (std::string line; std::getline(lines, line);) read.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(read.size(), 3u);
  EXPECT_EQ(read[1]["loss"].get<double>(), 1.0 / 2);
  EXPECT_EQ(read[2]["loss"].get<double>(), 0.125);
}

TEST(MetricLog, NumbersKeepTheirBits) {
  const double loss = 0.1 + 0.2;
  const auto line = nlohmann::json::parse(metrics_line(step(1, loss)));
  EXPECT_EQ(line["loss"].get<double>(), loss);
  EXPECT_EQ(line["lr"]["unet"].get<double>(), 1e-4);
  EXPECT_TRUE(line["loss_by_timestep"][1].is_null());
}

LoadedBatch batch_of(std::vector<float> weights, std::vector<int> classes) {
  LoadedBatch batch;
  for (size_t i = 0; i < weights.size(); ++i) {
    LoadedSample sample;
    sample.weight = weights[i];
    sample.counts = weights[i] > 0;
    sample.person_class = classes[i];
    batch.samples.push_back(sample);
  }
  return batch;
}

TEST(StepSamples, MeansLeaveOutWhatHasNoWeight) {
  StepSamples samples(3, RankInfo{});
  samples.add(batch_of({1, 0, 1}, {0, 0, 2}), {{}, at::tensor({0.5f, NAN, 0.25f}), {10, 20, 950}});
  samples.gather(nullptr);
  EXPECT_EQ(samples.counted(), 2);
  EXPECT_EQ(samples.mean_loss(), 0.375);
  EXPECT_TRUE(samples.all_finite());
  const auto bands = samples.loss_by_timestep(1000);
  EXPECT_EQ(bands[0], 0.5);
  EXPECT_EQ(bands[9], 0.25);
  EXPECT_EQ(bands[5], std::nullopt);
  EXPECT_EQ(samples.loss_by_class(3)[1], std::nullopt);
  EXPECT_EQ(samples.loss_by_class(3)[2], 0.25);
}

TEST(StepSamples, LossWeightsDoNotCancelInABatchOfOne) {
  StepSamples one(1, RankInfo{});
  one.add(batch_of({0.25}, {0}), {{}, at::tensor({0.5f}), {10}});
  one.gather(nullptr);
  EXPECT_EQ(one.mean_loss(), 0.125);
  StepSamples three(3, RankInfo{});  // the last is padding
  three.add(batch_of({0.25, 3, 0}, {0, 0, 0}), {{}, at::tensor({0.5f, 1.0f, 7.0f}), {10, 10, 10}});
  three.gather(nullptr);
  EXPECT_EQ(three.mean_loss(), (0.25 * 0.5 + 3 * 1) / 2);
}

TEST(StepSamples, ASampleOfWeightZeroCounts) {
  LoadedBatch batch = batch_of({0, 0}, {0, 0});
  batch.samples[0].counts = true;  // prior_loss_weight: 0
  StepSamples samples(2, RankInfo{});
  samples.add(batch, {{}, at::tensor({0.5f, 0.5f}), {10, 10}});
  samples.gather(nullptr);
  EXPECT_EQ(samples.counted(), 1);
  EXPECT_EQ(samples.mean_loss(), 0);
}

TEST(StepSamples, ANaNWithWeightIsSeen) {
  StepSamples samples(1, RankInfo{});
  samples.add(batch_of({1}, {0}), {{}, at::tensor({NAN}), {10}});
  samples.gather(nullptr);
  EXPECT_FALSE(samples.all_finite());
}

TEST(OutputFolder, HasOneWriter) {
  const TemporaryFolder folder;
  {
    const OutputFolderLock lock(folder.path() / "run");
    EXPECT_THROW(OutputFolderLock second(folder.path() / "run"), ConfigError);
  }
  const OutputFolderLock again(folder.path() / "run");
  EXPECT_FALSE(holds_run(folder.path() / "run"));
}

}  // namespace
}  // namespace atelier

#include <gtest/gtest.h>

#include "data/plan/plan.h"

namespace atelier {
namespace {

GlobalBatch batch_of(int64_t samples) {
  GlobalBatch batch;
  batch.width = 832, batch.height = 1216;
  for (int64_t i = 0; i < samples; ++i) batch.samples.push_back({i, 0, 0});
  return batch;
}

BatchingOptions batching_of(int64_t micro, std::optional<int64_t> global) {
  BatchingOptions batching;
  batching.train_batch_size = micro;
  batching.global_batch_size = global;
  return batching;
}

std::vector<size_t> sizes(const std::vector<MicroBatch>& parts) {
  std::vector<size_t> result;
  for (const MicroBatch& part : parts) result.push_back(part.samples.size());
  return result;
}

// cli.md: "the micro-batch is the largest divisor of a rank's share that is at most train_batch_size".
TEST(RankShare, MicroBatchIsTheLargestDivisor) {
  EXPECT_EQ(sizes(rank_share(batch_of(24), batching_of(4, 24), 0, 1)), (std::vector<size_t>(6, 4)));
  EXPECT_EQ(sizes(rank_share(batch_of(24), batching_of(5, 24), 1, 2)), (std::vector<size_t>(3, 4)));
  EXPECT_EQ(sizes(rank_share(batch_of(24), batching_of(100, 24), 2, 3)), (std::vector<size_t>{8}));
  EXPECT_EQ(sizes(rank_share(batch_of(14), batching_of(5, 14), 0, 2)), (std::vector<size_t>(7, 1)));
}

TEST(RankShare, RanksTakeTheirItemsInOrder) {
  for (int64_t world_size : {1, 2, 3, 4, 6}) {
    int64_t next = 0;
    for (int64_t rank = 0; rank < world_size; ++rank) {
      for (const MicroBatch& part : rank_share(batch_of(12), batching_of(2, 12), rank, world_size)) {
        EXPECT_EQ(part.width, 832);
        EXPECT_EQ(part.height, 1216);
        for (size_t i = 0; i < part.samples.size(); ++i) {
          EXPECT_EQ(part.samples[i].row, next++);
          EXPECT_EQ(part.weights[i], 1);
        }
      }
    }
    EXPECT_EQ(next, 12);
  }
}

// Every sample counts once, all ranks do the same shapes.
TEST(RankShare, ShortBatchesArePaddedWithWeightZero) {
  for (int64_t samples = 1; samples <= 12; ++samples) {
    for (int64_t world_size : {1, 2, 3, 4}) {
      for (const std::optional<int64_t> global : {std::optional<int64_t>(12), std::optional<int64_t>()}) {
        const BatchingOptions batching = batching_of(global ? 2 : 12 / world_size, global);
        std::vector<float> weight(static_cast<size_t>(samples), 0);
        const std::vector<size_t> shapes = sizes(rank_share(batch_of(samples), batching, 0, world_size));
        for (int64_t rank = 0; rank < world_size; ++rank) {
          const std::vector<MicroBatch> parts = rank_share(batch_of(samples), batching, rank, world_size);
          EXPECT_EQ(sizes(parts), shapes);
          for (const MicroBatch& part : parts) {
            for (size_t i = 0; i < part.samples.size(); ++i) {
              weight[static_cast<size_t>(part.samples[i].row)] += part.weights[i];
            }
          }
        }
        EXPECT_EQ(weight, std::vector<float>(static_cast<size_t>(samples), 1));
      }
    }
  }
}

}  // namespace
}  // namespace atelier

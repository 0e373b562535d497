#include "trainer/checkpoint/checkpoint.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>

#include "configs/base/error.h"
#include "configs/base/random.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// A store of one group with an optimizer that has taken a step, all drawn from `seed`.
struct TinyRun {
  at::Tensor first = at::empty({3, 5}), second = at::empty({7});
  std::unique_ptr<FlatStore> store;
  std::unique_ptr<Optimizer> optimizer;
  std::vector<ComponentFile> components = {
      {"unet", "unet/model.safetensors", {{"x.alpha", at::scalar_tensor(4.0)}}, {}}};

  explicit TinyRun(uint64_t seed) {
    fill_normal(seed, first.data_ptr<float>(), 15);
    fill_normal(seed + 1, second.data_ptr<float>(), 7);
    store =
        std::make_unique<FlatStore>(std::vector<ParameterGroup>{{"unet", 1, {{"a.weight", &first}, {"b", &second}}}},
                                    at::kCPU, at::kFloat, 1 << 20);
    optimizer = make_optimizer(TrainOptions{}, *store);
    fill_normal(seed + 2, store->gradient().data_ptr<float>(), store->size());
    optimizer->step({1e-2}, 1);
  }

  bool equals(TinyRun& other) {
    bool equal = at::equal(first, other.first) && at::equal(second, other.second);
    for (size_t i = 0; i < optimizer->state().size(); ++i) {
      for (const FlatStore::Entry& entry : store->entries()) {
        equal = equal && at::equal(FlatStore::view(optimizer->state()[i].values, entry),
                                   FlatStore::view(other.optimizer->state()[i].values, entry));
      }
    }
    return equal;
  }
};

TEST(Checkpoint, ComesBackBitForBit) {
  const TemporaryFolder folder;
  TinyRun saved(1), loaded(100);
  CheckpointWriter writer(folder.path() / "checkpoints", 2);
  writer.write({12, 3, {{"seed", "7"}}}, *saved.store, *saved.optimizer, saved.components);
  writer.wait();
  const auto path = latest_checkpoint(folder.path());
  ASSERT_TRUE(path.has_value());
  EXPECT_EQ(path->filename(), "step-00000012");
  EXPECT_FALSE(saved.equals(loaded));
  load_checkpoint(*path, *loaded.store, *loaded.optimizer, loaded.components);
  EXPECT_TRUE(saved.equals(loaded));
  const CheckpointState state = read_checkpoint_state(*path);
  EXPECT_EQ(state.step, 12);
  EXPECT_EQ(state.epoch, 3);
  EXPECT_EQ(state.fingerprint.at("seed"), "7");
  const SafetensorsFile file(*path / "unet/model.safetensors");
  EXPECT_NE(file.find("a.weight"), nullptr);
  EXPECT_NE(file.find("x.alpha"), nullptr);
}

TEST(Checkpoint, TheSnapshotIsOfTheMomentOfTheCall) {
  const TemporaryFolder folder;
  TinyRun saved(1), same(1);
  CheckpointWriter writer(folder.path() / "checkpoints", 2);
  writer.write({1, 0, {}}, *saved.store, *saved.optimizer, saved.components);
  saved.store->master().fill_(9);  // training goes on while the file is written
  writer.wait();
  TinyRun loaded(100);
  load_checkpoint(*latest_checkpoint(folder.path()), *loaded.store, *loaded.optimizer, loaded.components);
  EXPECT_TRUE(same.equals(loaded));
}

TEST(Checkpoint, OldOnesGoIncompleteOnesAreNotSeen) {
  const TemporaryFolder folder;
  const fs::path checkpoints = folder.path() / "checkpoints";
  TinyRun run(1);
  EXPECT_FALSE(latest_checkpoint(folder.path()).has_value());
  {
    CheckpointWriter writer(checkpoints, 2);
    for (int64_t step : {1, 2, 3}) writer.write({step, 0, {}}, *run.store, *run.optimizer, run.components);
  }
  EXPECT_FALSE(fs::exists(checkpoints / "step-00000001"));
  EXPECT_TRUE(fs::exists(checkpoints / "step-00000002"));
  fs::create_directories(checkpoints / "step-00000009");                // no state.json: half removed
  fs::create_directories(checkpoints / "step-00000010.tmp-999999999");  // a killed writer's
  EXPECT_EQ(latest_checkpoint(folder.path())->filename(), "step-00000003");
  CheckpointWriter again(checkpoints, 2);
  EXPECT_FALSE(fs::exists(checkpoints / "step-00000010.tmp-999999999"));
}

TEST(Checkpoint, GoingOnFromAnEarlierOneSetsLaterOnesAside) {
  const TemporaryFolder folder;
  const fs::path checkpoints = folder.path() / "checkpoints";
  TinyRun run(1);
  CheckpointWriter writer(checkpoints, 2);
  for (int64_t step : {3, 6}) writer.write({step, 0, {}}, *run.store, *run.optimizer, run.components);
  writer.wait();
  set_aside_later_checkpoints(folder.path(), 3);
  EXPECT_EQ(latest_checkpoint(folder.path())->filename(), "step-00000003");
  EXPECT_TRUE(fs::exists(checkpoints / "step-00000006.abandoned" / "state.json"));
  for (int64_t step : {4, 5}) writer.write({step, 0, {}}, *run.store, *run.optimizer, run.components);
  writer.wait();
  EXPECT_EQ(latest_checkpoint(folder.path())->filename(), "step-00000005");
  EXPECT_FALSE(fs::exists(checkpoints / "step-00000003"));
}

TEST(Checkpoint, AnOptionThatOnlyOneOfTheRunsHasIsADifference) {
  const RunFingerprint without = {{"seed", "1"}}, with = {{"seed", "1"}, {"train.masked_loss", "true"}};
  EXPECT_NO_THROW(check_fingerprint("step", with, with));
  for (const auto& [saved, present, told] : {std::tuple(with, without, "train.masked_loss: true then, (absent) now"),
                                             std::tuple(without, with, "train.masked_loss: (absent) then, true now")}) {
    try {
      check_fingerprint("step", saved, present);
      FAIL() << told;
    } catch (const CheckpointError& error) {
      EXPECT_NE(std::string(error.what()).find(told), std::string::npos) << error.what();
    }
  }
}

TEST(Checkpoint, DamageIsACheckpointError) {
  const TemporaryFolder folder;
  TinyRun run(1);
  CheckpointWriter writer(folder.path() / "checkpoints", 2);
  writer.write({5, 0, {{"seed", "1"}, {"dataset", "a"}}}, *run.store, *run.optimizer, run.components);
  writer.wait();
  const fs::path path = *latest_checkpoint(folder.path());
  try {
    check_fingerprint(path, read_checkpoint_state(path).fingerprint, {{"seed", "2"}, {"dataset", "a"}});
    FAIL();
  } catch (const CheckpointError& error) {
    EXPECT_NE(std::string(error.what()).find("seed: 1 then, 2 now"), std::string::npos);
    EXPECT_EQ(std::string(error.what()).find("dataset"), std::string::npos);
  }
  at::Tensor other = at::ones({4});
  FlatStore wrong({{"unet", 1, {{"c", &other}}}}, at::kCPU, at::kFloat, 1 << 20);
  const auto optimizer = make_optimizer(TrainOptions{}, wrong);
  EXPECT_THROW(load_checkpoint(path, wrong, *optimizer, run.components), CheckpointError);
  std::ofstream(path / "state.json") << "{";
  EXPECT_THROW(read_checkpoint_state(path), CheckpointError);
  fs::remove(path / "optimizer.safetensors");
  EXPECT_THROW(load_checkpoint(path, *run.store, *run.optimizer, run.components), CheckpointError);
}

}  // namespace
}  // namespace atelier

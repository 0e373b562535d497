// Training on devices that are not the CPU, and in bf16, against the CPU in fp32: everything of a run but its loop.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "configs/base/random.h"
#include "data/caption/clip_tokenizer.h"
#include "models/options/vae_options.h"
#include "models/unet/unet_2d_condition.h"
#include "tests/models/tiny_pipeline.h"
#include "tests/support/strict_device.h"
#include "tests/support/temporary_folder.h"
#include "trainer/checkpoint/checkpoint.h"
#include "trainer/denoising_objective.h"
#include "trainer/training_model.h"

namespace atelier {
namespace {

struct Place {
  std::string name;
  at::Device device;
  at::ScalarType type;
  double tolerance;  // of a step's loss, relative
};

const Place kPlaces[] = {
    {"Strict", strict_device::kDevice, at::kFloat, 1e-5}, {"Strict_bf16", strict_device::kDevice, at::kBFloat16, 0.02},
    {"CPU_bf16", at::kCPU, at::kBFloat16, 0.02},          {"CUDA", at::kCUDA, at::kFloat, 1e-3},
    {"CUDA_bf16", at::kCUDA, at::kBFloat16, 0.02},
};

/// Noise for pictures: a step's batch is the same wherever it is trained.
LoadedBatch make_batch(int64_t step) {
  LoadedBatch batch{.width = 48, .height = 32, .samples = {}, .pixels = std::vector<uint8_t>(3 * 32 * 48 * 3)};
  CounterRng rng(random_key(1, "pixels", {static_cast<uint64_t>(step)}));
  for (uint8_t& value : batch.pixels) value = static_cast<uint8_t>(rng.below(256));
  for (int i = 0; i < 3; ++i) {
    LoadedSample sample;
    sample.id = std::to_string(i);
    sample.epoch = step;
    sample.caption = i == 0 ? "1girl, solo, red hair" : "a castle on a hill";
    sample.weight = i == 2 ? 0.5F : 1;
    sample.original_width = 1501, sample.original_height = 1000;
    batch.samples.push_back(std::move(sample));
  }
  return batch;
}

class TinyTraining {
 public:
  TinyTraining(const RunOptions& options, at::Device device, at::ScalarType type) : model_(options) {
    store_ = std::make_unique<FlatStore>(model_.parameter_groups(), device, type, 1 << 16);
    model_.pipeline().place_frozen(device, type);
    optimizer_ = make_optimizer(options.train, *store_);
    objective_ = std::make_unique<DenoisingObjective>(model_.pipeline(), device, type, DenoisingSetting{.seed = 7});
  }

  /// The losses of steps first .. last.
  std::vector<double> train(int64_t first, int64_t last) {
    std::vector<double> losses;
    for (int64_t step = first; step <= last; ++step) {
      store_->zero_gradient();
      const MicroLoss loss = objective_->loss(make_batch(step));
      loss.total.backward();
      optimizer_->step(std::vector<double>(store_->groups().size(), 1e-3), step);
      store_->refresh_compute();
      losses.push_back(loss.total.item<double>());
    }
    return losses;
  }

  void save(const std::filesystem::path& folder, int64_t step) {
    CheckpointWriter writer(folder / "checkpoints", 1);
    writer.write({step, 0, {}}, *store_, *optimizer_, model_.component_files());
    writer.wait();
  }
  void load(const std::filesystem::path& folder) {
    load_checkpoint(latest_checkpoint(folder).value(), *store_, *optimizer_, model_.component_files());
  }

  TrainingModel& model() { return model_; }
  FlatStore& store() { return *store_; }
  at::Tensor master() const { return store_->master().cpu(); }

 private:
  TrainingModel model_;
  std::unique_ptr<FlatStore> store_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<DenoisingObjective> objective_;
};

class TrainingOnDevice : public testing::TestWithParam<Place> {
 protected:
  void SetUp() override {
    if (GetParam().device.is_cuda() && !at::hasCUDA()) GTEST_SKIP() << "no GPU on this machine";
    at::globalContext().setAllowTF32CuDNN(false);  // as coarse as bf16
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
    write_tiny_pipeline(folder_.path() / "config", ClipTokenizer::kVocabularySize, ClipTokenizer::kEos);
    options_.seed = 3;
    options_.output_dir = (folder_.path() / "out").string();
    options_.output_name = "tiny";
    options_.model.config = (folder_.path() / "config").string();
    options_.train.gradient_checkpointing = true;
    options_.save.precision = "fp32";
    std::filesystem::create_directories(options_.output_dir);
  }
  void TearDown() override { at::globalContext().setDeterministicAlgorithms(false, /*warn_only=*/false); }

  TinyTraining make_run() const { return TinyTraining(options_, GetParam().device, GetParam().type); }

  void expect_losses_of_the_cpu() const {
    const std::vector<double> wanted = TinyTraining(options_, at::kCPU, at::kFloat).train(1, 5);
    const std::vector<double> losses = make_run().train(1, 5);
    for (size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_GT(wanted[i], 0.1);
      EXPECT_LE(std::abs(losses[i] / wanted[i] - 1), GetParam().tolerance) << "step " << i + 1;
    }
  }

  const TemporaryFolder folder_;
  RunOptions options_;
};

std::string place_name(const testing::TestParamInfo<Place>& info) { return info.param.name; }

TEST_P(TrainingOnDevice, LossesAreTheCPUs) { expect_losses_of_the_cpu(); }

TEST_P(TrainingOnDevice, LossesOfALoraAreTheCPUs) {
  options_.network = NetworkOptions{};
  options_.network->network_train_unet_only = false;
  expect_losses_of_the_cpu();
}

TEST_P(TrainingOnDevice, LossesWithAVaeAreTheCPUs) {
  AutoencoderKLOptions vae;
  vae.block_out_channels = {8, 8, 8, 8};
  vae.norm_num_groups = 4;
  vae.latent_channels = 8;
  vae.scaling_factor = 1;
  write_file_atomically(folder_.path() / "config/vae/config.json", vae_config_json(vae));
  expect_losses_of_the_cpu();
}

TEST_P(TrainingOnDevice, ResumedItGoesOnBitForBit) {
  TinyTraining whole = make_run();
  whole.train(1, 2);
  whole.save(folder_.path(), 2);
  TinyTraining resumed = make_run();
  EXPECT_FALSE(resumed.master().equal(whole.master()));
  resumed.load(folder_.path());
  EXPECT_EQ(resumed.train(3, 4), whole.train(3, 4));
  EXPECT_TRUE(resumed.master().equal(whole.master()));
}

TEST_P(TrainingOnDevice, TheProductHoldsTheMasterWeights) {
  TinyTraining run = make_run();
  run.train(1, 2);
  std::map<std::string, at::Tensor> masters;
  for (const FlatStore::Entry& entry : run.store().entries()) {
    masters[entry.name] = FlatStore::view(run.store().master(), entry).cpu();
  }
  run.store().expose_master();
  const StableDiffusionXL saved = StableDiffusionXL::load(run.model().save_product({}));
  int64_t compared = 0;
  saved.unet->for_each_parameter([&](const std::string& name, at::Tensor& tensor) {
    EXPECT_TRUE(tensor.equal(masters.at("unet." + name))) << name;
    ++compared;
  });
  EXPECT_GT(compared, 50);
}

TEST_P(TrainingOnDevice, PreviewsCanBeDrawn) {
  TinyTraining run = make_run();
  const PromptEncoder encoder(run.model().pipeline(), GetParam().device);
  const std::vector<std::string> prompts{"an elf", ""};
  const at::NoGradGuard no_grad;
  GenerateOptions options;
  options.steps = 3;
  const std::vector<uint64_t> seeds{1};
  const at::Tensor picture = run.model().pipeline().generate(options, encoder.encode(std::span(&prompts[0], 1)),
                                                             encoder.encode(std::span(&prompts[1], 1)), seeds);
  EXPECT_TRUE(picture.device().is_cpu());
  EXPECT_GT(picture.to(at::kFloat).std().item<double>(), 1);
}

INSTANTIATE_TEST_SUITE_P(Training, TrainingOnDevice, testing::ValuesIn(kPlaces), place_name);

}  // namespace
}  // namespace atelier

#include "models/weights/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "models/layers/projection.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

using testing::HasSubstr;

/// The message of the WeightsError that `body` throws.
template <typename Body>
std::string weights_error(Body body) {
  try {
    body();
  } catch (const WeightsError& error) {
    return error.summary();
  }
  return "no WeightsError";
}

class Weights : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::vector<std::pair<std::string, at::Tensor>>& tensors) {
    write_tensors(folder_.path() / name, tensors);
    return folder_.path() / name;
  }

  TemporaryFolder folder_;
  Linear linear_{3, 2};
  at::Tensor weight_ = at::tensor({0.1, 1.0, -2.5, 3.0, 1e-3, 60000.0}).view({2, 3});
  at::Tensor bias_ = at::tensor({0.5, -0.25});
};

TEST_F(Weights, EveryFloatingTypeIsReadAsFp32) {
  for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16}) {
    load_weights(linear_, write("w.safetensors", {{"weight", weight_.to(type)}, {"bias", bias_.to(type)}}));
    EXPECT_TRUE(linear_.weight().equal(weight_.to(type).to(at::kFloat))) << type;
    EXPECT_EQ(linear_.bias().scalar_type(), at::kFloat);
  }
}

TEST_F(Weights, MissingSurplusAndMisshapenTensorsAreNamed) {
  const auto file = write("w.safetensors", {{"weight", weight_.t().contiguous()}, {"gamma", bias_}});
  const std::string error = weights_error([&] { load_weights(linear_, file); });
  EXPECT_THAT(error, HasSubstr("1 tensors are missing: bias"));
  EXPECT_THAT(error, HasSubstr("no place in the model: gamma"));
  EXPECT_THAT(error, HasSubstr("weight is F64 [3, 2], wanted [2, 3]"));
}

TEST_F(Weights, WholeNumbersAreNoWeights) {
  const auto file = write("w.safetensors", {{"weight", weight_.to(at::kLong)}, {"bias", bias_}});
  EXPECT_THAT(weights_error([&] { load_weights(linear_, file); }), HasSubstr("weight is I64"));
}

TEST_F(Weights, ARuleRenamesAndDrops) {
  const auto file = write("w.safetensors", {{"x.weight", weight_}, {"x.bias", bias_}, {"x.position_ids", bias_}});
  load_weights(linear_, file, [](std::string_view key) {
    return key == "x.position_ids" ? std::string() : std::string(key.substr(2));
  });
  EXPECT_TRUE(linear_.weight().equal(weight_.to(at::kFloat)));
}

TEST_F(Weights, ShardsAreReadThroughTheirIndex) {
  write("model-00001-of-00002.safetensors", {{"weight", weight_}});
  write("model-00002-of-00002.safetensors", {{"bias", bias_}});
  write_file_atomically(folder_.path() / "model.safetensors.index.json",
                        R"({"metadata": {}, "weight_map": {"weight": "model-00001-of-00002.safetensors",
                                                           "bias": "model-00002-of-00002.safetensors"}})");
  load_weights(linear_, folder_.path());
  EXPECT_TRUE(linear_.weight().equal(weight_.to(at::kFloat)));
  EXPECT_TRUE(linear_.bias().equal(bias_.to(at::kFloat)));
}

TEST_F(Weights, AFolderWithoutWeightsSaysWhatWasWanted) {
  EXPECT_THAT(weights_error([&] { load_weights(linear_, folder_.path()); }), HasSubstr("no weights"));
  EXPECT_THAT(weights_error([&] { load_weights(linear_, folder_.path() / "absent"); }), HasSubstr("no such file"));
}

TEST_F(Weights, WhatHalfPrecisionCannotHoldIsNotSaved) {
  load_weights(linear_, write("w.safetensors", {{"weight", weight_ * 2}, {"bias", bias_}}));
  EXPECT_THAT(weights_error([&] { save_weights(linear_, folder_.path() / "half.safetensors", SafeDtype::kF16); }),
              HasSubstr("holds 120000, too large for F16"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "half.safetensors"));
}

TEST_F(Weights, SavedInHalfPrecisionRoundsOnce) {
  load_weights(linear_, write("w.safetensors", {{"weight", weight_}, {"bias", bias_}}));
  save_weights(linear_, folder_.path() / "half.safetensors", SafeDtype::kBF16, {{"format", "pt"}});
  const SafetensorsFile file(folder_.path() / "half.safetensors");
  EXPECT_EQ(file.metadata().at("format"), "pt");
  ASSERT_NE(file.find("weight"), nullptr);
  EXPECT_TRUE(read_tensor(file, *file.find("weight")).equal(weight_.to(at::kFloat).to(at::kBFloat16)));
}

}  // namespace
}  // namespace atelier

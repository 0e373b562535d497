// The models on devices that are not the CPU, and in bf16, against the CPU in fp32.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "configs/base/error.h"
#include "models/adapters/adapter_network.h"
#include "models/clip/clip_text_model.h"
#include "models/device.h"
#include "models/pipeline/stable_diffusion_xl.h"
#include "models/unet/unet_2d_condition.h"
#include "tests/models/tiny_pipeline.h"
#include "tests/models/tiny_unet.h"
#include "tests/support/strict_device.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

struct Place {
  std::string name;
  at::Device device;
  at::ScalarType type;
  double tolerance;  // of outputs and gradients
};

std::string place_name(const testing::TestParamInfo<Place>& info) { return info.param.name; }

const Place kPlaces[] = {
    {"Strict", strict_device::kDevice, at::kFloat, 1e-5}, {"Strict_bf16", strict_device::kDevice, at::kBFloat16, 0.05},
    {"CPU_bf16", at::kCPU, at::kBFloat16, 0.05},          {"CUDA", at::kCUDA, at::kFloat, 1e-4},
    {"CUDA_bf16", at::kCUDA, at::kBFloat16, 0.05},
};

double root_mean_square(const at::Tensor& tensor) {
  return tensor.to(at::kDouble).square().mean().sqrt().item<double>();
}

using Named = std::map<std::string, at::Tensor>;

class OnDevice : public testing::TestWithParam<Place> {
 protected:
  void SetUp() override {
    if (GetParam().device.is_cuda() && !at::hasCUDA()) GTEST_SKIP() << "no GPU on this machine";
    // Convolutions in TF32 are as coarse as bf16.
    at::globalContext().setAllowTF32CuDNN(false);
    write_tiny_pipeline(folder_.path());
    load();
  }

  void load() {
    reference_ = StableDiffusionXL::from_config(folder_.path(), 4);
    placed_ = StableDiffusionXL::from_config(folder_.path(), 4);
    placed_.place_frozen(GetParam().device, GetParam().type);
  }

  static at::Tensor ids(int64_t first, int64_t count, at::Device device) {
    at::Tensor ids = (at::arange(count * 6, at::kLong) + first * 6).mul(7).remainder(97).view({count, 6});
    ids.select(1, 5).fill_(kTinyEndOfText);
    return ids.to(device);
  }

  static Conditioning encode(const StableDiffusionXL& model, int64_t first, at::Device device) {
    return model.encode(ids(first, 2, device), ids(first, 2, device));
  }

  /// Errors are L2 norms relative to the tensor and a typical one: some gradients are zero but for rounding.
  void expect_near(const Named& values, const Named& wanted) const {
    ASSERT_EQ(values.size(), wanted.size());
    std::vector<double> sizes;
    for (const auto& [name, tensor] : wanted) sizes.push_back(root_mean_square(tensor));
    std::nth_element(sizes.begin(), sizes.begin() + static_cast<int64_t>(sizes.size() / 2), sizes.end());
    const double typical = sizes[sizes.size() / 2];
    EXPECT_GT(typical, 0);
    for (const auto& [name, value] : values) {
      ASSERT_TRUE(value.defined()) << name;
      EXPECT_EQ(value.device().type(), GetParam().device.type()) << name;
      const at::Tensor& reference = wanted.at(name);
      const double error = root_mean_square(value.cpu().to(at::kDouble) - reference);
      EXPECT_LE(error / (root_mean_square(reference) + typical), GetParam().tolerance) << name;
    }
  }

  const TemporaryFolder folder_;
  StableDiffusionXL reference_, placed_;
};

/// Output and all gradients of one UNet step on encoded texts.
Named train_step(StableDiffusionXL& model, const Conditioning& conditioning, at::Device device, at::ScalarType type) {
  model.unet->set_requires_grad(true);
  const at::Tensor sample = keyed_normal({2, 8, 6, 4}, "sample").to(device, type);
  const at::Tensor timestep = at::tensor({999.0F, 3.5F}).to(device);
  const SizeConditioning sizes[] = {{1000, 1501, 0, 8, 48, 32}, {48, 32, 0, 0, 48, 32}};
  const at::Tensor output = model.unet->forward(sample, timestep, conditioning.encoder_hidden_states,
                                                conditioning.text_embeds, make_time_ids(sizes).to(device));
  output.backward(keyed_normal(output.sizes().vec(), "cotangent").to(device, type));
  Named all{{"output", output.detach()}};
  const auto collect = [&all](Module& part, const std::string& prefix) {
    part.for_each_parameter([&](const std::string& name, at::Tensor& tensor) {
      if (tensor.grad().defined()) all[prefix + name] = tensor.grad();
    });
  };
  collect(*model.unet, "unet.");
  collect(*model.text_encoder, "text_encoder.");
  collect(*model.text_encoder_2, "text_encoder_2.");
  return all;
}

TEST_P(OnDevice, OutputsAndGradientsAreTheCPUs) {
  for (const bool checkpointing : {false, true}) {
    load();
    const auto run = [&](StableDiffusionXL& model, at::Device device, at::ScalarType type) {
      for (CLIPTextModel* encoder : {model.text_encoder.get(), model.text_encoder_2.get()}) {
        encoder->set_requires_grad(true);
        encoder->set_gradient_checkpointing(checkpointing);
      }
      model.unet->set_gradient_checkpointing(checkpointing);
      return train_step(model, encode(model, 0, device), device, type);
    };
    const Named wanted = run(reference_, at::kCPU, at::kFloat);
    EXPECT_GT(wanted.size(), 100u);
    expect_near(run(placed_, GetParam().device, GetParam().type), wanted);
  }
}

TEST_P(OnDevice, PicturesAreTheCPUs) {
  const at::NoGradGuard no_grad;
  const auto draw = [&](const StableDiffusionXL& model, const std::string& sampler, at::Device device) {
    GenerateOptions options;
    options.steps = 4;
    options.sampler = sampler;
    const std::vector<uint64_t> seeds{1, 2};
    return model.generate(options, encode(model, 0, device), encode(model, 2, device), seeds).to(at::kFloat);
  };
  // Levels of 256. bf16: what the rounding of the network alone does; with the sampler in bf16 too it was 45.
  const double levels = GetParam().type == at::kFloat ? 0.05 : 3;
  for (const char* sampler : {"ddim", "euler"}) {
    const at::Tensor wanted = draw(reference_, sampler, at::kCPU);
    const at::Tensor picture = draw(placed_, sampler, GetParam().device);
    EXPECT_TRUE(picture.device().is_cpu());
    EXPECT_GT(wanted.std().item<double>(), 10) << "a flat picture shows nothing";
    EXPECT_LE((picture - wanted).abs().mean().item<double>(), levels) << sampler;
  }
}

TEST_P(OnDevice, AdaptersFollowTheirNetwork) {
  const auto run = [&](StableDiffusionXL& model, at::Device device, at::ScalarType type) {
    AdapterNetwork network;
    network.inject(*model.unet, unet_lora_naming(model.unet->options()), {.network_dim = 2});
    network.for_each_parameter([](const std::string& name, at::Tensor& tensor) {
      tensor = keyed_normal(tensor.sizes().vec(), name).mul(0.1);
    });
    network.place_frozen(device, type);
    network.set_requires_grad(true);
    Conditioning conditioning;
    {
      const at::NoGradGuard no_grad;
      conditioning = encode(model, 0, device);
    }
    Named all = train_step(model, conditioning, device, type);
    network.for_each_parameter([&](const std::string& name, at::Tensor& tensor) { all[name] = tensor.grad(); });
    return all;
  };
  expect_near(run(placed_, GetParam().device, GetParam().type), run(reference_, at::kCPU, at::kFloat));
}

TEST_P(OnDevice, SavedFromThereItIsTheSameModel) {
  placed_.save_pretrained(folder_.path() / "saved", SafeDtype::kF32);
  const StableDiffusionXL loaded = StableDiffusionXL::load(folder_.path() / "saved");
  Named wanted;
  placed_.unet->for_each_parameter([&](const std::string& name, at::Tensor& tensor) { wanted[name] = tensor; });
  loaded.unet->for_each_parameter([&](const std::string& name, at::Tensor& tensor) {
    EXPECT_TRUE(tensor.equal(wanted.at(name).to(at::kCPU, at::kFloat))) << name;
  });
}

INSTANTIATE_TEST_SUITE_P(Models, OnDevice, testing::ValuesIn(kPlaces), place_name);

TEST(StrictDevice, RefusesTensorsOfTheCPU) {
  const at::Tensor there = at::ones({3}, strict_device::kDevice);
  EXPECT_THROW(there + at::ones({3}), std::exception);
  EXPECT_THROW(at::conv2d(at::ones({1, 1, 3, 3}, strict_device::kDevice), at::ones({1, 1, 1, 1})), std::exception);
  EXPECT_EQ((there + 1).sum().item<float>(), 6);
}

TEST(ChooseDevice, SaysWhatIsMissing) {
  EXPECT_TRUE(choose_device("cpu", "here", 3).is_cpu());
  const int64_t count = at::hasCUDA() ? at::detail::getCUDAHooks().getNumGPUs() : 0;
  EXPECT_EQ(choose_device("auto", "here").is_cpu(), count == 0);
  for (const int64_t index : {count, count + 7}) {
    try {
      choose_device("cuda", "--device", index);
      FAIL() << "accepted GPU " << index;
    } catch (const ConfigError& error) {
      EXPECT_EQ(error.where(), "--device");
    }
  }
}

}  // namespace
}  // namespace atelier

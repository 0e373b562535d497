// Our half of tools/bench/unet_step.py: training steps of a UNet, as many as each line of stdin asks for.
//
//   unet-step CONFIG_FOLDER SAVE_FOLDER INPUTS.safetensors THREADS
//
// Builds the UNet of CONFIG_FOLDER/config.json with random weights, saves it to SAVE_FOLDER for the peer, then answers
// every number of steps on stdin with "SECONDS CPU_SECONDS LOSS".
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <string>

#include "configs/base/error.h"
#include "models/unet/unet_2d_condition.h"
#include "models/weights/weights.h"

namespace atelier {
namespace {

class StepBench {
 public:
  StepBench(const std::filesystem::path& config, const std::filesystem::path& save, const std::filesystem::path& inputs)
      : unet_(read_unet_options(config)), inputs_(inputs) {
    initialize(unet_, 1);
    unet_.save_pretrained(save, SafeDtype::kF32);
    unet_.set_requires_grad(true);
  }

  /// The last step's loss.
  double run(int steps) {
    double loss_value = 0;
    for (int i = 0; i < steps; ++i) {
      const at::Tensor prediction = unet_.forward(sample_, timestep_, text_, text_embeds_, time_ids_);
      const at::Tensor loss = at::mse_loss(prediction, target_);
      loss.backward();
      loss_value = loss.item<double>();
      unet_.for_each_parameter([](const std::string&, at::Tensor& tensor) { tensor.mutable_grad().reset(); });
    }
    return loss_value;
  }

 private:
  at::Tensor input(const std::string& name) const { return read_tensor(inputs_, *inputs_.find(name)); }

  UNet2DConditionModel unet_;
  SafetensorsFile inputs_;
  at::Tensor sample_ = input("sample"), timestep_ = input("timestep"), text_ = input("encoder_hidden_states"),
             text_embeds_ = input("text_embeds"), time_ids_ = input("time_ids"), target_ = input("target");
};

int run_bench(char** argv) {
  at::set_num_threads(std::stoi(argv[4]));
  StepBench bench(argv[1], argv[2], argv[3]);
  std::puts("ready");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    const auto begin = std::chrono::steady_clock::now();
    const std::clock_t cpu_begin = std::clock();
    const double loss = bench.run(std::stoi(line));
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    const double cpu_seconds = static_cast<double>(std::clock() - cpu_begin) / CLOCKS_PER_SEC;
    std::printf("%.6f %.6f %.9g\n", seconds.count(), cpu_seconds, loss);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: unet-step CONFIG_FOLDER SAVE_FOLDER INPUTS.safetensors THREADS\n", stderr);
    return 2;
  }
  try {
    return atelier::run_bench(argv);
  } catch (const atelier::Error& error) {
    std::fputs(atelier::format_error(error).c_str(), stderr);
    return static_cast<int>(error.exit_code());
  }
}

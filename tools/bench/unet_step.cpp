// Our half of tools/bench/unet_step.py and unet_full.py: forwards and training steps of a UNet, as many as are asked
// for.
//
//   unet-step MODEL_FOLDER INPUTS.safetensors THREADS [SAVE_FOLDER]
//
// Loads the UNet of MODEL_FOLDER or, with SAVE_FOLDER, builds it from config.json with random weights and saves it
// there for the peer. Says "ready SECONDS" with the time that took, then answers each line of stdin, a mode and a
// number of runs, with "SECONDS CPU_SECONDS LOSS".
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

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }
  double cpu_seconds() const { return static_cast<double>(std::clock() - cpu_begin_) / CLOCKS_PER_SEC; }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::clock_t cpu_begin_ = std::clock();
};

std::unique_ptr<UNet2DConditionModel> fresh_unet(const std::string& config, const std::string& save) {
  auto unet = std::make_unique<UNet2DConditionModel>(read_unet_options(config));
  initialize(*unet, 1);
  unet->save_pretrained(save, SafeDtype::kF32);
  return unet;
}

class StepBench {
 public:
  StepBench(std::unique_ptr<UNet2DConditionModel> unet, const std::string& inputs)
      : unet_(std::move(unet)), inputs_(inputs) {}

  /// "forward", without gradients; "step", forward and backward of everything; "checkpointed", the same with gradient
  /// checkpointing; "frozen", forward and backward to the text alone, the weights being frozen. The last run's loss.
  double run(const std::string& mode, int runs) {
    double loss = 0;
    unet_->set_gradient_checkpointing(mode == "checkpointed");
    for (int i = 0; i < runs; ++i) loss = mode == "forward" ? forward() : step(/*frozen=*/mode == "frozen");
    return loss;
  }

 private:
  at::Tensor input(const std::string& name) const { return read_tensor(inputs_, *inputs_.find(name)); }

  at::Tensor loss_of(const at::Tensor& text) const {
    return at::mse_loss(unet_->forward(sample_, timestep_, text, text_embeds_, time_ids_), target_);
  }

  double forward() const {
    const at::NoGradGuard no_grad;
    return loss_of(text_).item<double>();
  }

  double step(bool frozen) {
    unet_->set_requires_grad(!frozen);
    const at::Tensor text = text_.detach().set_requires_grad(frozen);
    const at::Tensor loss = loss_of(text);
    loss.backward();
    unet_->for_each_parameter([](const std::string&, at::Tensor& tensor) { tensor.mutable_grad().reset(); });
    return loss.item<double>();
  }

  std::unique_ptr<UNet2DConditionModel> unet_;
  SafetensorsFile inputs_;
  at::Tensor sample_ = input("sample"), timestep_ = input("timestep"), text_ = input("encoder_hidden_states"),
             text_embeds_ = input("text_embeds"), time_ids_ = input("time_ids"), target_ = input("target");
};

int run_bench(int argc, char** argv) {
  at::set_num_threads(std::stoi(argv[3]));
  const Stopwatch start;
  StepBench bench(argc > 4 ? fresh_unet(argv[1], argv[4]) : UNet2DConditionModel::from_pretrained(argv[1]), argv[2]);
  std::printf("ready %.3f\n", start.seconds());
  std::fflush(stdout);
  std::string mode;
  for (int runs; std::cin >> mode >> runs;) {
    const Stopwatch watch;
    const double loss = bench.run(mode, runs);
    std::printf("%.6f %.6f %.9g\n", watch.seconds(), watch.cpu_seconds(), loss);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) {
  if (argc < 4 || argc > 5) {
    std::fputs("usage: unet-step MODEL_FOLDER INPUTS.safetensors THREADS [SAVE_FOLDER]\n", stderr);
    return 2;
  }
  try {
    return atelier::run_bench(argc, argv);
  } catch (const atelier::Error& error) {
    std::fputs(atelier::format_error(error).c_str(), stderr);
    return static_cast<int>(error.exit_code());
  }
}

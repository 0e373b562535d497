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

#include <memory>
#include <string>
#include <vector>

#include "models/unet/unet_2d_condition.h"
#include "models/weights/weights.h"
#include "tools/bench/serve.h"

namespace atelier {
namespace {

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
  /// checkpointing; "frozen", forward and backward to the text alone, the weights being frozen. The loss.
  double run(const std::string& mode) {
    unet_->set_gradient_checkpointing(mode == "checkpointed");
    return mode == "forward" ? forward() : step(/*frozen=*/mode == "frozen");
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

void run_unet_bench(const std::vector<std::string>& arguments) {
  at::set_num_threads(std::stoi(arguments[2]));
  const Stopwatch start;
  StepBench bench(arguments.size() > 3 ? fresh_unet(arguments[0], arguments[3])
                                       : UNet2DConditionModel::from_pretrained(arguments[0]),
                  arguments[1]);
  serve(start.seconds(), [&](const std::string& mode) { return bench.run(mode); });
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) {
  return atelier::bench_main(argc, argv, 3, 4, "unet-step MODEL_FOLDER INPUTS.safetensors THREADS [SAVE_FOLDER]",
                             atelier::run_unet_bench);
}

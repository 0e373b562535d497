// Our half of tools/bench/clip_step.py: a CLIP text encoder that runs texts, as often as is asked for.
//
//   clip-step CONFIG_FOLDER INPUTS.safetensors THREADS SAVE_FOLDER
//
// Builds the encoder of CONFIG_FOLDER/config.json with random weights and saves it to SAVE_FOLDER for the peer. Says
// "ready SECONDS", then answers each line of stdin, "forward RUNS", with "SECONDS CPU_SECONDS VALUE".
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <string>
#include <vector>

#include "models/clip/clip_text_model.h"
#include "models/weights/weights.h"
#include "tools/bench/serve.h"

namespace atelier {
namespace {

void run_clip_bench(const std::vector<std::string>& arguments) {
  at::set_num_threads(std::stoi(arguments[2]));
  const at::NoGradGuard no_grad;
  CLIPTextModel encoder(read_clip_text_options(arguments[0]));
  initialize(encoder, 1);
  encoder.save_pretrained(arguments[3], SafeDtype::kF32);
  const SafetensorsFile inputs(arguments[1]);
  const at::Tensor ids = read_tensor(inputs, *inputs.find("input_ids"));
  serve(/*load_seconds=*/0, [&](const std::string&) {
    const CLIPTextOutput output = encoder.forward(ids);
    return (output.hidden_state.square().mean() + output.pooled.square().mean()).item<double>();
  });
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) {
  return atelier::bench_main(argc, argv, 4, 4, "clip-step CONFIG_FOLDER INPUTS.safetensors THREADS SAVE_FOLDER",
                             atelier::run_clip_bench);
}

// Our half of tools/bench/clip_step.py: a CLIP text encoder that runs texts, as often as is asked for.
//
//   clip-step CONFIG_FOLDER INPUTS.safetensors THREADS SAVE_FOLDER
//
// Builds the encoder of CONFIG_FOLDER/config.json with random weights and saves it to SAVE_FOLDER for the peer. Says
// "ready SECONDS", then answers each line of stdin, "forward RUNS", with "SECONDS CPU_SECONDS VALUE".
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <string>

#include "configs/base/error.h"
#include "models/clip/clip_text_model.h"
#include "models/weights/weights.h"

namespace atelier {
namespace {

int run_clip_bench(char** argv) {
  at::set_num_threads(std::stoi(argv[3]));
  const at::NoGradGuard no_grad;
  CLIPTextModel encoder(read_clip_text_options(argv[1]));
  initialize(encoder, 1);
  encoder.save_pretrained(argv[4], SafeDtype::kF32);
  const SafetensorsFile inputs(argv[2]);
  const at::Tensor ids = read_tensor(inputs, *inputs.find("input_ids"));
  std::puts("ready 0");
  std::fflush(stdout);
  std::string mode;
  for (int runs; std::cin >> mode >> runs;) {
    const auto begin = std::chrono::steady_clock::now();
    const std::clock_t cpu_begin = std::clock();
    CLIPTextOutput output;
    for (int i = 0; i < runs; ++i) output = encoder.forward(ids);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    const double cpu_seconds = static_cast<double>(std::clock() - cpu_begin) / CLOCKS_PER_SEC;
    const at::Tensor value = output.hidden_state.square().mean() + output.pooled.square().mean();
    std::printf("%.6f %.6f %.9g\n", seconds.count(), cpu_seconds, value.item<double>());
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: clip-step CONFIG_FOLDER INPUTS.safetensors THREADS SAVE_FOLDER\n", stderr);
    return 2;
  }
  try {
    return atelier::run_clip_bench(argv);
  } catch (const atelier::Error& error) {
    std::fputs(atelier::format_error(error).c_str(), stderr);
    return static_cast<int>(error.exit_code());
  }
}

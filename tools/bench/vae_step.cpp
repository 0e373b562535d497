// Our half of tools/bench/vae_step.py: an AutoencoderKL that encodes and decodes, as often as is asked for.
//
//   vae-step CONFIG_FOLDER INPUTS.safetensors THREADS SAVE_FOLDER
//
// Builds the VAE of CONFIG_FOLDER/config.json with random weights and saves it to SAVE_FOLDER for the peer. Says "ready
// SECONDS", then answers each line of stdin, "encode RUNS" or "decode RUNS", with "SECONDS CPU_SECONDS SUM".
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <string>

#include "configs/base/error.h"
#include "models/autoencoder/autoencoder_kl.h"
#include "models/weights/weights.h"

namespace atelier {
namespace {

at::Tensor bench_input(const SafetensorsFile& file, const std::string& name) {
  return read_tensor(file, *file.find(name));
}

int run_vae_bench(char** argv) {
  at::set_num_threads(std::stoi(argv[3]));
  const at::NoGradGuard no_grad;
  AutoencoderKL vae(read_vae_options(argv[1]));
  initialize(vae, 1);
  vae.save_pretrained(argv[4], SafeDtype::kF32);
  const SafetensorsFile inputs(argv[2]);
  const at::Tensor sample = bench_input(inputs, "sample"), latents = bench_input(inputs, "latents");
  std::puts("ready 0");
  std::fflush(stdout);
  std::string mode;
  for (int runs; std::cin >> mode >> runs;) {
    const auto begin = std::chrono::steady_clock::now();
    const std::clock_t cpu_begin = std::clock();
    at::Tensor output;
    for (int i = 0; i < runs; ++i) output = mode == "encode" ? vae.moments(sample).mean : vae.decode_unscaled(latents);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    const double cpu_seconds = static_cast<double>(std::clock() - cpu_begin) / CLOCKS_PER_SEC;
    std::printf("%.6f %.6f %.9g\n", seconds.count(), cpu_seconds, output.square().mean().item<double>());
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: vae-step CONFIG_FOLDER INPUTS.safetensors THREADS SAVE_FOLDER\n", stderr);
    return 2;
  }
  try {
    return atelier::run_vae_bench(argv);
  } catch (const atelier::Error& error) {
    std::fputs(atelier::format_error(error).c_str(), stderr);
    return static_cast<int>(error.exit_code());
  }
}

// Our half of tools/bench/vae_step.py: an AutoencoderKL that encodes and decodes, as often as is asked for.
//
//   vae-step CONFIG_FOLDER INPUTS.safetensors THREADS SAVE_FOLDER
//
// Builds the VAE of CONFIG_FOLDER/config.json with random weights and saves it to SAVE_FOLDER for the peer. Says "ready
// SECONDS", then answers each line of stdin, "encode RUNS" or "decode RUNS", with "SECONDS CPU_SECONDS VALUE".
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <string>
#include <vector>

#include "models/autoencoder/autoencoder_kl.h"
#include "models/weights/weights.h"
#include "tools/bench/serve.h"

namespace atelier {
namespace {

at::Tensor bench_input(const SafetensorsFile& file, const std::string& name) {
  return read_tensor(file, *file.find(name));
}

void run_vae_bench(const std::vector<std::string>& arguments) {
  at::set_num_threads(std::stoi(arguments[2]));
  const at::NoGradGuard no_grad;
  AutoencoderKL vae(read_vae_options(arguments[0]));
  initialize(vae, 1);
  vae.save_pretrained(arguments[3], SafeDtype::kF32);
  const SafetensorsFile inputs(arguments[1]);
  const at::Tensor sample = bench_input(inputs, "sample"), latents = bench_input(inputs, "latents");
  serve(/*load_seconds=*/0, [&](const std::string& mode) {
    const at::Tensor output = mode == "encode" ? vae.moments(sample).mean : vae.decode_unscaled(latents);
    return output.square().mean().item<double>();
  });
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) {
  return atelier::bench_main(argc, argv, 4, 4, "vae-step CONFIG_FOLDER INPUTS.safetensors THREADS SAVE_FOLDER",
                             atelier::run_vae_bench);
}
